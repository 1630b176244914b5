// Parts of a page that become what the server says now, with as little change as there can be.

export const parse = (html) => new DOMParser().parseFromString(html, "text/html");

// Bring `from` to look like `to` by the fewest changes: focus, selection and running animations survive.
const morph = (from, to) => {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
    from.replaceWith(document.importNode(to, true));
    return;
  }
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  // What a person opened stays open.
  const kept = from.nodeName === "DETAILS" ? "open" : null;
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && name !== kept) from.removeAttribute(name);
  for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  morphChildren(from, to);
};

const keyOf = (node) => node.dataset?.key;

// Children with a `data-key` are known by it: a row that moved is moved, and never turned into another one.
const bringKeyed = (from, wanted) => {
  const known = new Map([...from.children].filter(keyOf).map((child) => [keyOf(child), child]));
  const keys = new Set(wanted.map(keyOf));
  for (const node of [...from.childNodes]) {
    if (node.nodeType !== Node.ELEMENT_NODE || (keyOf(node) && !keys.has(keyOf(node)))) node.remove();
  }
  wanted.forEach((node, index) => {
    const present = from.children[index] ?? null;
    const child = known.get(keyOf(node)) ?? document.importNode(node, true);
    if (keyOf(node) && child !== present) from.insertBefore(child, present);
  });
};

export const morphChildren = (from, to) => {
  const isKeyed = [...to.children].some(keyOf);
  // Between keyed children there is nothing but the blanks of the template.
  const wanted = isKeyed ? [...to.children] : [...to.childNodes];
  if (isKeyed) bringKeyed(from, wanted);
  const present = [...from.childNodes];
  wanted.forEach((node, index) => {
    if (present[index]) morph(present[index], node);
    else from.append(document.importNode(node, true));
  });
  for (const extra of present.slice(wanted.length)) extra.remove();
};

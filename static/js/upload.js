// The upload form: dropping and pasting files, checks before anything is sent, progress, cancelling.
const form = document.querySelector("#upload");
const input = form.querySelector("#id_files");
const drop = form.querySelector("[data-drop]");
const list = form.querySelector("[data-files]");
const problems = document.querySelector("#problems");
const texts = form.querySelector("[data-texts]").dataset;
const say = form.querySelector("[data-say]");
const language = document.documentElement.lang;
const extensions = form.dataset.extensions.split(",");
const limitBytes = Number(form.dataset.limitBytes);
const limitFiles = Number(form.dataset.limitFiles);
const pageTitle = document.title;
let files = [];
let request;

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

const sizeText = (bytes) => {
  const units = texts.units.split(",");
  let value = bytes;
  let step = 0;
  for (; value >= 1024 && step < units.length - 1; step += 1) value /= 1024;
  const digits = step === 0 || value >= 100 ? 0 : 1;
  return `${value.toLocaleString(language, { maximumFractionDigits: digits })}\u00a0${units[step]}`;
};

const timeText = (seconds) => {
  const whole = Math.max(1, Math.round(seconds));
  return whole < 60 ? `${whole}\u00a0s` : `${Math.floor(whole / 60)}\u00a0min ${whole % 60}\u00a0s`;
};

const complaint = (file) => {
  const name = file.name.toLowerCase();
  if (!extensions.some((extension) => name.endsWith(extension))) return texts.extension;
  if (file.size === 0) return texts.empty;
  return file.size > limitBytes ? texts.tooLarge : "";
};

// --- Choosing ---------------------------------------------------------------------------------------------

const show = () => {
  const template = form.querySelector("[data-row]").content;
  list.replaceChildren(
    ...files.map((file, index) => {
      const row = template.cloneNode(true);
      const why = complaint(file);
      for (const place of row.querySelectorAll("[data-name]")) place.textContent = file.name;
      row.querySelector("[data-size]").textContent = sizeText(file.size);
      row.querySelector("[data-remove]").addEventListener("click", () => remove(index));
      row.querySelector("li").classList.toggle("is-bad", Boolean(why));
      const reason = row.querySelector("[data-why]");
      reason.hidden = !why;
      reason.textContent = why;
      return row;
    }),
  );
  list.hidden = files.length === 0;
  if (files.length) say.textContent = files.length === 1 ? texts.chosenOne : fill(texts.chosen, { n: files.length });
};

const add = (chosen) => {
  const known = new Set(files.map((file) => `${file.name}/${file.size}/${file.lastModified}`));
  files = [...files, ...[...chosen].filter((file) => !known.has(`${file.name}/${file.size}/${file.lastModified}`))];
  problems.replaceChildren();
  show();
};

const remove = (index) => {
  files.splice(index, 1);
  show();
  (list.querySelectorAll("[data-remove]")[index] ?? list.querySelector("[data-remove]") ?? input).focus();
};

input.addEventListener("change", () => {
  add(input.files);
  input.value = "";
});

const hasFiles = (transfer) => [...(transfer?.types ?? [])].includes("Files");

for (const kind of ["dragenter", "dragover"]) {
  addEventListener(kind, (event) => {
    if (!hasFiles(event.dataTransfer) || request) return;
    event.preventDefault();
    drop.classList.add("is-over");
  });
}
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("is-over");
});
addEventListener("drop", (event) => {
  if (!hasFiles(event.dataTransfer) || request) return;
  event.preventDefault();
  drop.classList.remove("is-over");
  add(event.dataTransfer.files);
});
addEventListener("paste", (event) => {
  if (!hasFiles(event.clipboardData) || request) return;
  event.preventDefault();
  add(event.clipboardData.files);
});

// --- Problems ---------------------------------------------------------------------------------------------

const showProblems = (found) => {
  const summary = form.querySelector("[data-summary]").content.cloneNode(true);
  summary.querySelector("ul").replaceChildren(
    ...found.map(({ name, message, target = "id_files" }) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = `#${target}`;
      link.textContent = name ? `${name} – ${message}` : message;
      item.append(link);
      return item;
    }),
  );
  problems.replaceChildren(summary);
  problems.firstElementChild.focus();
  document.title = `${texts.errorPrefix} ${pageTitle}`;
};

const check = () => {
  if (files.length === 0) return [{ message: texts.missing }];
  const found = files.map((file) => ({ name: file.name, message: complaint(file) })).filter(({ message }) => message);
  if (files.length > limitFiles) found.unshift({ message: texts.tooMany });
  return found;
};

// --- Sending ----------------------------------------------------------------------------------------------

const sending = form.querySelector("[data-sending]");
const meter = form.querySelector("[data-meter]");
const sendingTitle = form.querySelector("[data-sending-title]");
const sendingText = form.querySelector("[data-sending-text]");
const titleWhileSending = sendingTitle.textContent;

const setBusy = (isBusy) => {
  sending.hidden = !isBusy;
  sendingTitle.textContent = titleWhileSending;
  sendingText.textContent = "";
  meter.value = 0;
  for (const control of form.querySelectorAll("[data-submit], [data-remove], #id_files")) control.disabled = isBusy;
  if (!isBusy) {
    request = undefined;
    document.title = pageTitle;
  }
};

const body = () => {
  const data = new FormData(form);
  data.delete("files");
  for (const file of files) data.append("files", file, file.name);
  return data;
};

const showProgress = (startedAt) => (event) => {
  if (!event.lengthComputable) return;
  const share = event.loaded / event.total;
  meter.value = share * 100;
  document.title = `${Math.floor(share * 100)}\u00a0% – ${pageTitle}`;
  if (share >= 1) {
    sendingTitle.textContent = texts.storing;
    sendingText.textContent = "";
    return;
  }
  const left = ((performance.now() - startedAt) / 1000) * (1 / share - 1);
  sendingText.textContent = fill(texts.progress, {
    done: sizeText(event.loaded),
    total: sizeText(event.total),
    left: timeText(left),
  });
};

const answer = () => {
  const type = request.getResponseHeader("Content-Type") ?? "";
  const response = type.startsWith("application/json") ? JSON.parse(request.responseText) : {};
  if (response.location) {
    location.assign(response.location);
    return;
  }
  const status = request.status;
  setBusy(false);
  if (response.problems) showProblems(response.problems);
  else if (status === 413) showProblems([{ message: texts.tooLarge }]);
  else showProblems([{ message: response.message ?? texts.failed }]);
};

const send = () => {
  request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.upload.addEventListener("progress", showProgress(performance.now()));
  request.addEventListener("load", answer);
  request.addEventListener("error", () => {
    setBusy(false);
    showProblems([{ message: texts.lost }]);
  });
  request.addEventListener("abort", () => {
    setBusy(false);
    say.textContent = texts.stopped;
    form.querySelector("[data-submit]").focus();
  });
  const data = body();
  setBusy(true);
  request.send(data);
  sending.querySelector("[data-stop]").focus();
};

form.querySelector("[data-stop]").addEventListener("click", () => request?.abort());

form.addEventListener("submit", (event) => {
  event.preventDefault();
  // The frame marks sent forms; this one is sent by itself and may be sent again.
  event.stopPropagation();
  if (request) return;
  const found = check();
  problems.replaceChildren();
  if (found.length) showProblems(found);
  else send();
});

// Files kept by the browser in the field when the page is shown again.
if (input.files.length) {
  add(input.files);
  input.value = "";
}
addEventListener("pageshow", (event) => event.persisted && location.reload());

// Asking the site for what a part of a page shows now.

/** The answer; none, a refusal, or a way elsewhere such as to the sign-in page, is an error. */
export const ask = async (url, { accept = "text/html", patienceMs = 5_000 } = {}) => {
  const options = { headers: { Accept: accept }, cache: "no-store", redirect: "error", signal: AbortSignal.timeout(patienceMs) };
  const response = await fetch(url, options);
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response;
};

// What a page shows, kept current: by server-sent events, and by polling for as long as they do not come through.
//
//   const stop = live("/runs/1/events/", "/runs/1/progress/", (state) => …, { background: false, onEnd: (reason) => … });
//
// `onData` gets the decoded state, only when it is another one than before. `onEnd` is told "done" when the state
// will never change again, and "gone" when it may no longer be seen; nothing is asked after either.
// A hidden page gives its stream back after a while and asks now and then, so that its title stays right: browsers
// open only six connections to one site over HTTP/1.1. With `background` it keeps the stream.

const POLL_MS = 2_000;
const POLL_HIDDEN_MS = 10_000;
const LONGEST_POLL_MS = 30_000;
const ANSWER_MS = 10_000;
// A stream that stays mute this long may be held back by a proxy: the page polls until it speaks.
const FIRST_WORD_MS = 4_000;
// The server says something every 15 seconds. Silence, or a clock that jumped (sleep), means a dead connection.
const SILENCE_MS = 40_000;
const WATCH_MS = 5_000;
// After the server refused a stream, the next one is tried this much later.
const REFUSED_MS = 60_000;
const HIDDEN_MS = 20_000;

const jitter = (ms) => ms * (0.8 + Math.random() * 0.4);

/** Polls until stopped: at once, then every two seconds, and ever more seldom while the server does not answer. */
class Poll {
  #url;
  #take;
  #gone;
  #timer = null;
  #failures = 0;
  #running = false;

  constructor(url, take, gone) {
    this.#url = url;
    this.#take = take;
    this.#gone = gone;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#ask();
  }

  stop() {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  async #ask() {
    const state = await this.#answer();
    if (!this.#running) return;
    const rest = document.hidden ? POLL_HIDDEN_MS : POLL_MS;
    this.#timer = setTimeout(() => this.#ask(), jitter(Math.min(rest * 2 ** this.#failures, LONGEST_POLL_MS)));
    if (state !== null) this.#take(state);
  }

  /** The state; null when there is none to be had now. */
  async #answer() {
    const options = { headers: { Accept: "application/json" }, cache: "no-store", redirect: "manual" };
    try {
      const response = await fetch(this.#url, { ...options, signal: AbortSignal.timeout(ANSWER_MS) });
      // A redirect leads to the sign-in page.
      if (response.type === "opaqueredirect" || [401, 403, 404, 410].includes(response.status)) this.#gone();
      if (!response.ok) throw new Error(`status ${response.status}`);
      const state = await response.json();
      this.#failures = 0;
      return state;
    } catch {
      // The network or the server is away; the next question comes later.
      this.#failures += 1;
      return null;
    }
  }
}

/** Holds one stream open, and says when it does and does not speak. */
class Stream {
  #url;
  #heard;
  #source = null;
  #heardAt = 0;
  #refusedAt = -Infinity;

  constructor(url, heard) {
    this.#url = url;
    this.#heard = heard;
  }

  get isOpen() {
    return this.#source !== null;
  }

  get isSilent() {
    return Date.now() - this.#heardAt > SILENCE_MS;
  }

  get isRefused() {
    return Date.now() - this.#refusedAt < REFUSED_MS;
  }

  open() {
    this.close();
    if (!window.EventSource || this.isRefused) return;
    this.#heardAt = Date.now();
    this.#source = new EventSource(this.#url);
    this.#source.addEventListener("message", (event) => this.#hear("state", JSON.parse(event.data)));
    this.#source.addEventListener("beat", () => this.#hear("beat"));
    this.#source.addEventListener("end", (event) => this.#hear("end", JSON.parse(event.data).reason));
    this.#source.addEventListener("error", () => this.#fail());
  }

  close() {
    this.#source?.close();
    this.#source = null;
  }

  #hear(kind, content) {
    this.#heardAt = Date.now();
    this.#heard(kind, content);
  }

  #fail() {
    // Otherwise the browser is connecting again by itself.
    if (this.#source?.readyState === EventSource.CLOSED) {
      this.#refusedAt = Date.now();
      this.close();
    }
    this.#heard("error");
  }
}

export const live = (url, pollUrl, onData, { background = false, onEnd = () => {} } = {}) => {
  const listeners = new AbortController();
  const timers = { watch: null, mute: null, hidden: null };
  let shown = null;
  let watchedAt = Date.now();

  const take = (state) => {
    // The stream and the poll may write the same state differently: compared as written here.
    const text = JSON.stringify(state);
    if (text !== shown) {
      shown = text;
      onData(state);
    }
    if (state.done === true) end("done");
  };

  const poll = new Poll(pollUrl, take, () => end("gone"));

  const stream = new Stream(url, (kind, content) => {
    if (kind === "error") {
      poll.start();
      return;
    }
    clearTimeout(timers.mute);
    poll.stop();
    if (kind === "state") take(content);
    if (kind === "end") end(content);
  });

  const stop = () => {
    listeners.abort();
    stream.close();
    poll.stop();
    clearInterval(timers.watch);
    clearTimeout(timers.mute);
    clearTimeout(timers.hidden);
  };

  const end = (reason) => {
    if (listeners.signal.aborted) return;
    stop();
    onEnd(reason);
  };

  const connect = () => {
    clearTimeout(timers.mute);
    stream.open();
    if (stream.isOpen) timers.mute = setTimeout(() => poll.start(), FIRST_WORD_MS);
    else poll.start();
  };

  const rest = () => {
    clearTimeout(timers.mute);
    stream.close();
    poll.start();
  };

  // After sleep, a lost network or a return to the page: what is shown may be old, so ask at once.
  const wake = () => {
    poll.stop();
    poll.start();
    connect();
  };

  const watch = () => {
    const slept = Date.now() - watchedAt > WATCH_MS + ANSWER_MS && !document.hidden;
    watchedAt = Date.now();
    if (document.hidden && !background) return;
    if (slept || (stream.isOpen && stream.isSilent)) wake();
    else if (!stream.isOpen && !stream.isRefused && window.EventSource) connect();
  };

  const onVisibility = () => {
    clearTimeout(timers.hidden);
    if (document.hidden) timers.hidden = background ? null : setTimeout(rest, HIDDEN_MS);
    else if (!stream.isOpen || stream.isSilent) wake();
  };

  const { signal } = listeners;
  document.addEventListener("visibilitychange", onVisibility, { signal });
  window.addEventListener("online", wake, { signal });
  window.addEventListener("pagehide", () => stream.close(), { signal });
  window.addEventListener("pageshow", (event) => event.persisted && wake(), { signal });
  timers.watch = setInterval(watch, WATCH_MS);
  connect();
  return stop;
};

// A session's events over the WebSocket: one cursor, reconnected until told not to; nothing twice.
//
//   const feed = watch(sessionId, {
//     event(frame) {},          // {position, type, at, actor, session, task, payload, …}
//     gap(frame) {},            // {from, to}: retention removed what lay between
//     state(name, detail) {},   // connecting | history | live | waiting | ended
//   });
//   feed.close();

const FINAL = {
  4401: "Your session has ended; log in again.",
  4403: "You may not watch this session from here.",
  4404: "There is no such session in your tenant.",
  4422: "The cursor is not one of this log.",
};
const COME_BACK = 4408; // the server gives long connections back; the cursor goes on
const PAUSE_MS = 500;
const PAUSE_MS_MAX = 10_000;
const SILENCE_MS_MAX = 60_000; // the server pings every 20 seconds

export function watch(session, told, after = "") {
  let cursor = after;
  let socket = null;
  let failures = 0;
  let timer = 0;
  let closed = false;

  function open() {
    told.state?.("connecting");
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const query = cursor ? `?after=${encodeURIComponent(cursor)}` : "";
    socket = new WebSocket(`${scheme}//${location.host}/ws/sessions/${session}/${query}`);
    socket.onopen = () => {
      told.state?.("history");
      listen();
    };
    socket.onmessage = (message) => {
      listen();
      take(JSON.parse(message.data));
    };
    socket.onclose = (closing) => again(closing.code);
  }

  function take(frame) {
    if (frame.kind === "event") {
      if (!isAfter(frame.position, cursor)) return;
      cursor = frame.position;
      told.event?.(frame);
    } else if (frame.kind === "live") {
      failures = 0;
      told.state?.("live");
    } else if (frame.kind === "gap") {
      told.gap?.(frame);
    }
  }

  // A connection that died without a word is noticed by its silence.
  function listen() {
    clearTimeout(timer);
    timer = setTimeout(() => socket.close(), SILENCE_MS_MAX);
  }

  function again(code) {
    clearTimeout(timer);
    if (closed) return;
    if (code in FINAL) {
      told.state?.("ended", FINAL[code]);
      return;
    }
    const pause = code === COME_BACK ? 0 : Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** failures) * (0.5 + Math.random());
    failures += 1;
    told.state?.("waiting");
    timer = setTimeout(open, pause);
  }

  open();
  return {
    get cursor() {
      return cursor;
    },
    close() {
      closed = true;
      clearTimeout(timer);
      socket.close();
    },
  };
}

// Positions are pairs of 64-bit numbers, more than a JavaScript number holds.
export function isAfter(position, cursor) {
  if (!cursor) return true;
  const [xid, seq] = position.split("-").map(BigInt);
  const [cursorXid, cursorSeq] = cursor.split("-").map(BigInt);
  return xid > cursorXid || (xid === cursorXid && seq > cursorSeq);
}

// Follows a what-if until it is done: the bar moves, and the page is read anew when its state changes, also when another
// session starts or stops it. Of one that does not run the stream says so once and ends; the browser asks again.
(() => {
  "use strict";
  const live = document.getElementById("live");
  const { events, state } = live.dataset;
  if (state === "done") return;
  const source = new EventSource(events);
  source.addEventListener("message", (event) => {
    const now = JSON.parse(event.data);
    const bar = document.getElementById("bar");
    bar.max = Math.max(1, now.total);
    bar.value = now.done;
    if (now.total) document.getElementById("said").textContent = `${now.state}, ${now.done} of ${now.total} runs`;
    if (now.state !== state) { source.close(); location.reload(); }
  });
})();

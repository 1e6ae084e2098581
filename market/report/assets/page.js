// Draws the charts of a report, offers each as picture or CSV, and moves the web of leases to the slider's date.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Map();

  const look = () => {
    const ink = dark.matches ? "#ececec" : "#1b1b1b";
    const line = dark.matches ? "#45494f" : "#dddddd";
    const text = { labelColor: ink, titleColor: ink, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" };
    return {
      background: "transparent", font: "system-ui, sans-serif", view: { stroke: null },
      axis: { ...text, gridColor: line, domainColor: line, tickColor: line },
      legend: { ...text, symbolStrokeWidth: 3, symbolBaseFillColor: ink, symbolBaseStrokeColor: ink },
      axisQuantitative: { labelOverlap: "greedy", labelSeparation: 6 },
      axisTemporal: { labelSeparation: 10, labelFlush: 24 },
      rule: { color: ink }, text: { color: ink }, errorband: { borders: false },
    };
  };

  // On a narrow page legends have fewer columns and names on axes less room.
  const fitted = (part, width) => {
    if (part === null || typeof part !== "object") return part;
    if (!Array.isArray(part) && part.values) return part;  // data
    const copy = Array.isArray(part) ? [] : {};
    for (const [key, value] of Object.entries(part)) copy[key] = fitted(value, width);
    if (copy.legend?.columns > 1) Object.assign(copy.legend, { columns: width < 480 ? 2 : 3, labelLimit: width / 2 - 50 });
    if (copy.axis?.labelLimit) copy.axis.labelLimit = Math.min(copy.axis.labelLimit, width * 0.42);
    return copy;
  };
  const draw = async (place) => {
    const spec = fitted(data.figures[place.id].spec, place.clientWidth);
    const config = look();
    const view = (await reportEmbed(place, { ...spec, config }, { ast: true, actions: false, renderer: "svg" })).view;
    drawn.get(place.id)?.finalize();
    drawn.set(place.id, view);
  };
  const drawAll = async () => {
    for (const place of document.querySelectorAll(".chart")) await draw(place);
    document.body.dataset.drawn = String(drawn.size);
  };

  const save = (name, url) => {
    const link = document.createElement("a");
    link.href = url; link.download = name; link.click();
  };
  // A cell that a spreadsheet would run as a formula is made text.
  const cell = (value) => {
    let text = value === null ? "" : String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = "'" + text;
    return /[",\n\r]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  const csv = ({ columns, rows }) => [columns, ...rows].map((row) => row.map(cell).join(",")).join("\n") + "\n";
  document.addEventListener("click", async (event) => {
    const { save: form, figure } = event.target.dataset ?? {};
    if (!form) return;
    if (form === "csv") {
      const blob = new Blob([csv(data.figures[figure].table)], { type: "text/csv" });
      save(figure + ".csv", URL.createObjectURL(blob));
    } else save(figure + "." + form, await drawn.get(figure).toImageURL(form, 2));
  });

  const DAY = 86400000;
  const date = (day) => new Date(day * DAY).toISOString().slice(0, 10);
  const web = data.web;
  const slider = document.getElementById("web-date");
  const show = () => {
    const day = web.days[Number(slider.value)];
    const rows = [];
    for (const lease of web.leases) {
      if (lease.signed > day || (lease.ended !== null && lease.ended <= day)) continue;
      const gpus = lease.moves.reduce((sum, [at, n]) => (at <= day ? sum + n : sum), 0);
      if (gpus) rows.push({ ...lease, gpus });
    }
    rows.sort((a, b) => b.gpus - a.gpus || (a.id < b.id ? -1 : 1));
    document.getElementById("web-now").textContent =
      `${date(day)}: ${rows.length} leases, ${rows.reduce((sum, row) => sum + row.gpus, 0).toLocaleString("en")} GPUs`;
    const body = document.getElementById("web-rows");
    body.replaceChildren(...rows.map((row) => {
      const line = document.createElement("tr");
      line.dataset.lease = row.id; line.dataset.gpus = row.gpus;
      const cells = [row.owner, row.reseller ?? "", row.user, row.gpus.toLocaleString("en"), row.chip, row.site, row.price.toFixed(2)];
      cells.forEach((text, i) => {
        const one = document.createElement("td");
        one.textContent = text;
        if (i === 3 || i === 6) one.className = "n";
        line.append(one);
      });
      return line;
    }));
    slider.setAttribute("aria-valuetext", date(day));
  };
  if (web) {
    slider.max = String(web.days.length - 1);
    slider.value = slider.max;
    slider.addEventListener("input", show);
    show();
  }

  dark.addEventListener("change", drawAll);
  drawAll();
})();

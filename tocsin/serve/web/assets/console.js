// What a page cannot do without a browser: charts, the theme, keys, fresh parts without flicker.
// No text from a log is ever parsed as HTML here; charts draw it on a canvas.
"use strict";
(() => {
  const root = document.documentElement;

  // --- theme -------------------------------------------------------------------------------------
  const setTheme = (theme) => {
    root.dataset.theme = theme;
    root.dataset.bsTheme = theme;
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `tocsin-theme=${theme}; path=/; max-age=31536000; samesite=strict${secure}`;
    document.dispatchEvent(new Event("tocsin:theme"));
  };
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) {
      setTheme(root.dataset.bsTheme === "dark" ? "light" : "dark");
    }
  });

  // --- charts ------------------------------------------------------------------------------------
  // A chart's numbers stand in `data-chart` of an element that htmx may replace; the canvas itself
  // stays (`data-chart-for` names it), so that fresh numbers do not make it blink.
  const charts = new Map();
  const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  const pad = (part) => String(part).padStart(2, "0");
  const clock = (time, withDay) => {
    const at = new Date(time);
    const day = `${pad(at.getUTCMonth() + 1)}-${pad(at.getUTCDate())}`;
    const hour = `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}`;
    return withDay ? `${day} ${hour}` : hour;
  };

  const options = (chart) => {
    const days = chart.starts.length ? (chart.starts.at(-1) - chart.starts[0]) / 86400000 : 0;
    const isMidnight = (place) => new Date(chart.starts[place]).getUTCHours() === 0;
    const label = (time) => (days > 3 ? clock(time, true).slice(0, 5) : clock(time, false));
    return {
      animation: false,
      grid: { left: 6, right: 6, top: 10, bottom: 2, containLabel: true },
      textStyle: { fontFamily: "Inter, system-ui, sans-serif" },
      tooltip: {
        trigger: "axis",
        renderMode: "richText",
        axisPointer: { type: "shadow", shadowStyle: { color: color("--accent"), opacity: 0.08 } },
        backgroundColor: color("--panel"),
        borderColor: color("--line"),
        textStyle: { color: color("--ink"), fontSize: 12 },
        formatter: (bars) => {
          const lines = bars.filter((bar) => bar.value > 0).map((bar) => `${bar.seriesName}: ${bar.value.toLocaleString("en")}`);
          const begin = chart.starts[bars[0].dataIndex];
          return [`${clock(begin, true)} – ${clock(begin + chart.width, false)}`, ...lines.reverse()].join("\n");
        },
      },
      xAxis: {
        type: "category",
        data: chart.starts.map(label),
        axisTick: { show: false },
        axisLine: { lineStyle: { color: color("--line") } },
        axisLabel: { color: color("--ink-faint"), fontSize: 11, hideOverlap: true, interval: days > 3 ? isMidnight : "auto" },
      },
      yAxis: {
        type: "value",
        minInterval: 1,
        splitNumber: 3,
        splitLine: { lineStyle: { color: color("--line-soft") } },
        axisLabel: { color: color("--ink-faint"), fontSize: 11 },
      },
      series: chart.series.map((series) => ({
        name: series.name,
        type: "bar",
        stack: "all",
        data: series.values,
        barCategoryGap: "18%",
        cursor: "pointer",
        itemStyle: { color: color(`--fill-${series.color.replace("sev-", "")}`), borderRadius: 1 },
      })),
    };
  };

  const iso = (time) => new Date(time).toISOString().slice(0, 19) + "Z";
  const open = (chart, first, last) => {
    const address = new URL(chart.link, location.origin);
    address.searchParams.set("since", iso(chart.starts[first]));
    address.searchParams.set("until", iso(chart.starts[last] + chart.width));
    location.assign(address);
  };

  const brush = (drawn) => {
    // Press, draw, let go: the stretch of time between becomes the address.
    const surface = drawn.view.getZr();
    let from = null;
    const index = (event) => {
      const place = drawn.view.convertFromPixel({ xAxisIndex: 0 }, event.offsetX);
      return Math.min(Math.max(Math.round(place), 0), drawn.chart.starts.length - 1);
    };
    const mark = (first, last) => {
      const area = first === null ? [] : [[{ xAxis: first }, { xAxis: last }]];
      const style = { color: color("--accent"), opacity: 0.18 };
      drawn.view.setOption({ series: [{ markArea: { silent: true, itemStyle: style, data: area } }] });
    };
    surface.on("mousedown", (event) => {
      if (drawn.chart.starts.length) {
        from = index(event);
      }
    });
    surface.on("mousemove", (event) => {
      if (from !== null) {
        const to = index(event);
        mark(Math.min(from, to), Math.max(from, to));
      }
    });
    surface.on("mouseup", (event) => {
      if (from === null) {
        return;
      }
      const to = index(event);
      const [first, last] = [Math.min(from, to), Math.max(from, to)];
      from = null;
      open(drawn.chart, first, last);
    });
    surface.on("globalout", () => {
      if (from !== null) {
        from = null;
        mark(null);
      }
    });
  };

  const draw = () => {
    if (!window.echarts) {
      return;
    }
    for (const source of document.querySelectorAll("[data-chart-for]")) {
      const canvas = document.getElementById(source.dataset.chartFor);
      if (!canvas) {
        continue;
      }
      let drawn = charts.get(canvas);
      if (!drawn) {
        drawn = { view: window.echarts.init(canvas, null, { renderer: "canvas" }), chart: null };
        charts.set(canvas, drawn);
        brush(drawn);
      }
      drawn.chart = JSON.parse(source.dataset.chart);
      drawn.view.setOption(options(drawn.chart), { notMerge: true });
    }
  };
  document.addEventListener("tocsin:theme", draw);
  window.addEventListener("resize", () => charts.forEach((drawn) => drawn.view.resize()));

  // --- fresh parts -------------------------------------------------------------------------------
  const lastText = new Map();
  document.addEventListener("htmx:beforeRequest", (event) => {
    const isPoll = !event.detail.requestConfig.triggeringEvent;
    const part = event.detail.elt;
    // Fresh rows would lose what is ticked, and what is at hand.
    const isInHand = part.contains(document.activeElement) || part.querySelector("input:checked");
    const isBusy = document.hidden || (isPoll && isInHand && part.matches("[data-calm]"));
    if (isPoll && isBusy) {
      event.preventDefault();
    }
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const path = event.detail.requestConfig.path;
    const isPoll = !event.detail.requestConfig.triggeringEvent;
    if (isPoll && lastText.get(path) === event.detail.xhr.responseText) {
      event.detail.shouldSwap = false;
    }
    lastText.set(path, event.detail.xhr.responseText);
  });
  document.addEventListener("htmx:afterSettle", () => {
    draw();
    restoreRow();
  });

  // What did not come says so and can be asked for again; a part that is there already stays.
  const sayFailed = (event) => {
    const { elt, target, requestConfig } = event.detail;
    const place = target || elt;
    const isPoll = requestConfig && !requestConfig.triggeringEvent && !elt.matches("[hx-trigger=load]");
    const words = document.getElementById("failed");
    if (!place || !words || isPoll || requestConfig?.verb !== "get") {
      return;
    }
    const shown = words.firstElementChild.cloneNode(true);
    const swap = elt.getAttribute("hx-swap") || "innerHTML";
    shown.querySelector("[data-retry]").addEventListener("click", () => {
      window.htmx.ajax("GET", requestConfig.path, { source: elt, target: place, swap });
    });
    place.replaceChildren(shown);
  };
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, sayFailed);
  }

  // --- files -------------------------------------------------------------------------------------
  document.addEventListener("change", async (event) => {
    const field = event.target.closest("input[data-upload]");
    if (!field || !field.files.length) {
      return;
    }
    const problem = document.querySelector("[data-upload-problem]");
    problem.textContent = "";
    const address = new URL(field.dataset.upload, location.origin);
    address.searchParams.set("name", field.files[0].name.slice(-400));
    try {
      const headers = { "X-CSRF-Token": field.dataset.csrf, "Content-Type": "application/octet-stream" };
      const answer = await fetch(address, { method: "POST", body: field.files[0], headers });
      if (answer.ok) {
        location.reload();
        return;
      }
      const told = await answer.json().catch(() => null);
      problem.textContent = `${field.dataset.failed} ${told?.error?.message ?? ""}`;
    } catch {
      problem.textContent = field.dataset.failed;
    }
    field.value = "";
  });

  // --- keys and rows -----------------------------------------------------------------------------
  const rows = () => [...document.querySelectorAll("[data-href]")];
  const here = () => document.querySelector("[data-href].is-at");
  let rowAt = null;

  const goTo = (row) => {
    here()?.classList.remove("is-at");
    row.classList.add("is-at");
    row.scrollIntoView({ block: "nearest" });
    rowAt = row.dataset.href;
  };
  const restoreRow = () => {
    const row = rowAt && rows().find((each) => each.dataset.href === rowAt);
    if (row && !here()) {
      row.classList.add("is-at");
    }
  };
  const openRow = (row) => {
    const link = row.matches("a") ? row : row.querySelector("a[data-main]");
    if (link) {
      link.click();
    } else {
      location.assign(row.dataset.href);
    }
  };
  document.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-href]");
    if (row && !event.target.closest("a, button, summary, input, select") && !String(getSelection())) {
      openRow(row);
    }
    if (event.target.closest("[data-close-drawer]")) {
      event.preventDefault();
      closeDrawer();
    }
    for (const popped of document.querySelectorAll(".actions details[open]")) {
      if (!popped.contains(event.target)) {
        popped.open = false;
      }
    }
  });

  const closeDrawer = () => {
    const drawer = document.getElementById("drawer");
    if (!drawer || !drawer.firstElementChild) {
      return;
    }
    drawer.replaceChildren();
    const address = new URL(location.href);
    if (address.searchParams.has("event")) {
      address.searchParams.delete("event");
      history.replaceState(null, "", address);
    }
  };

  const step = (by) => {
    const every = rows();
    if (every.length) {
      const at = every.indexOf(here());
      goTo(every[Math.min(Math.max(at + by, 0), every.length - 1)]);
    }
  };
  const keys = {
    j: () => step(1),
    k: () => step(-1),
    Enter: () => here() && openRow(here()),
    Escape: closeDrawer,
    "/": () => document.querySelector("[data-find]")?.focus(),
  };
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea, select");
    const isOnControl = event.key === "Enter" && event.target.closest("a, button, summary");
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey || isOnControl || (isTyping && event.key !== "Escape")) {
      return;
    }
    if (event.key === "/") {
      event.preventDefault();
    }
    act();
  });

  // --- forms -------------------------------------------------------------------------------------
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) {
      event.target.form.requestSubmit();
    }
  });
  const narrow = window.matchMedia("(max-width: 820px)");
  if (narrow.matches) {
    document.querySelector(".side-menu")?.removeAttribute("open");
  }
  // Empty fields of a filter do not belong in the address.
  document.addEventListener("submit", (event) => {
    if (event.target.method === "get") {
      for (const field of event.target.elements) {
        field.disabled = field.name && field.value === "";
      }
    }
  });
  window.addEventListener("pageshow", () => {
    for (const field of document.querySelectorAll("form[method=get] [name]")) {
      field.disabled = false;
    }
  });

  draw();
})();

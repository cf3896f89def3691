"use strict";
// The trajectories: a list that is searched and filtered, and one episode at a time, step by step.

const INDEX = JSON.parse(document.getElementById("index").textContent);
const { runs: RUNS, episodes: EPISODES } = INDEX;
const $ = (id) => document.getElementById(id);
const spoken = (text) => String(text ?? "").replaceAll("_", " ");
const causeOf = (key) => INDEX.causes[key] ?? spoken(key);
const haystacks = EPISODES.map((e) =>
  [e.case, e.case.replaceAll("_", " "), e.branch, e.kind, e.difficulty, causeOf(e.failure), spoken(e.failure), e.unsafe ? "unsafe" : "", RUNS[e.run], e.task, e.text].join("\n").toLowerCase());

// ---- the address says all that is shown: #run=…&case=…&seed=…&try=…&step=…  or  #view=list&q=…&outcome=…

const wanted = () => new URLSearchParams(location.hash.slice(1));
const FILTERS = ["run", "family", "outcome", "failure", "difficulty", "kind"];
const address = (parts) => "#" + new URLSearchParams(Object.entries(parts).filter(([, value]) => value !== "" && value !== null && value !== undefined));
const addressOf = (episode, step) =>
  address({ run: RUNS[episode.run], case: episode.case, seed: episode.seed, try: episode.try, step });

const find = (asked) =>
  EPISODES.findIndex((e) => e.case === asked.get("case") && (!asked.has("run") || RUNS[e.run] === asked.get("run")) &&
    (!asked.has("seed") || String(e.seed) === asked.get("seed")) && (!asked.has("try") || String(e.try) === asked.get("try")));

// ---- what was said lies compressed in the page, some episodes a block

const parsed = document.readyState !== "loading" ? Promise.resolve() : new Promise((go) => addEventListener("DOMContentLoaded", go));
const unpack = async (place) => {
  await parsed;
  const block = document.querySelectorAll("script.block")[Math.floor(place / INDEX.block)];
  const packed = block.textContent.trim().split("\n")[place % INDEX.block];
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
};

// ---- the list

let matches = [];
let shownRows = 0;
let current = -1;
const PAGE = 120;

const outcomeOf = (e) => (!e.counts ? "does not count" : e.solved ? "solved" : causeOf(e.failure ?? "not solved"));
const marks = (e) => [make("span", { class: `mark ${!e.counts ? "off" : e.solved ? "yes" : "no"}` }, !e.counts ? "–" : e.solved ? "✓" : "✗"), e.unsafe ? make("span", { class: "unsafe" }, "unsafe") : ""];

const row = (place) => {
  const e = EPISODES[place];
  return make("li", { "data-place": place },
    make("a", { href: addressOf(e), "aria-current": place === current ? "true" : false }, marks(e), " ", make("b", {}, e.case), " ",
      make("small", {}, [spoken(e.branch), RUNS.length > 1 ? RUNS[e.run] : "", INDEX.repeats ? `try ${e.try}` : "", e.solved && e.counts ? "" : outcomeOf(e), `${e.steps} ${e.steps === 1 ? "step" : "steps"}`].filter(Boolean).join(" · "))));
};
const showMore = () => {
  const rows = matches.slice(shownRows, shownRows + PAGE).map(row);
  shownRows += rows.length;
  $("rows").append(...rows);
  $("more").hidden = shownRows >= matches.length;
};
const fits = (e, haystack, words, filters) =>
  (!filters.run || RUNS[e.run] === filters.run) && (!filters.family || e.family === filters.family) &&
  (!filters.kind || e.kind === filters.kind) && (!filters.difficulty || e.difficulty === filters.difficulty) &&
  (!filters.failure || (e.counts && !e.solved && (e.failure ?? "other") === filters.failure)) &&
  (!filters.outcome || { solved: e.counts && e.solved, failed: e.counts && !e.solved, unsafe: e.unsafe, uncounted: !e.counts }[filters.outcome]) &&
  words.every((word) => haystack.includes(word));
const filter = () => {
  const words = $("q").value.toLowerCase().split(/\s+/).filter(Boolean);
  const filters = Object.fromEntries(FILTERS.map((name) => [name, $(`f-${name}`).value]));
  matches = EPISODES.flatMap((e, place) => (fits(e, haystacks[place], words, filters) ? [place] : []));
  shownRows = 0;
  $("rows").replaceChildren();
  $("count").textContent = `${matches.length.toLocaleString("en")} of ${EPISODES.length.toLocaleString("en")} episodes`;
  showMore();
};
const choices = (name, values, label) => {
  const chosen = [...new Set(values)].filter(Boolean);
  $(`f-${name}`).append(make("option", { value: "" }, label), ...chosen.map((each) => make("option", { value: each }, name === "failure" ? causeOf(each) : spoken(each))));
};

// ---- one episode

const folded = (kind, title, text) => make("details", { class: kind }, make("summary", {}, title), make("pre", {}, text));
const raw = (title, text) => folded("raw", title, text);
const pretty = (text) => { try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; } };
const read = (text) => { try { return JSON.parse(text); } catch { return undefined; } };
const bodyOf = (step) => {
  if (step.fhir) return read(step.fhir);
  const begin = step.reply.indexOf("{");
  return begin < 0 ? undefined : read(step.reply.slice(begin)) ?? read(step.reply.slice(begin, step.reply.lastIndexOf("}") + 1));
};
const addressIn = (url) => {
  const [path, query = ""] = url.split(/\?(.*)/s);
  const below = path.replace(/^https?:\/\/[^/]+/, "").split("/").filter(Boolean);
  const base = below[0] === "fhir" ? below.slice(1) : below;
  return { below: base.join("/"), parameters: [...new URLSearchParams(query)] };
};
const asked = (url) => {
  const { below, parameters } = addressIn(url);
  if (parameters.some(([key]) => key === "_getpages")) return [make("b", {}, "Next page"), make("span", { class: "chip" }, `from ${parameters.find(([key]) => key === "_getpagesoffset")?.[1] ?? "?"}`)];
  return [make("b", {}, below || url), ...parameters.map(([key, value]) => make("span", { class: "chip" }, make("i", {}, key), ` ${value}`))];
};
const items = (answer) => {
  const found = read(answer);
  if (!Array.isArray(found)) return make("code", {}, answer);
  return found.length ? make("span", { class: "items" }, found.map((each) => make("span", { class: "item" }, typeof each === "string" ? each : JSON.stringify(each)))) : make("span", { class: "none" }, "an empty list");
};
const waited = (resource) => {
  const part = list(isObject(resource) ? resource.parameter : null).find((each) => isObject(each) && ["duration", "until"].includes(each.name));
  if (!part) return undefined;
  const long = part.valueDuration ?? part.valueQuantity;
  return isObject(long) ? `${long.value} ${long.code ?? long.unit ?? ""}` : `until ${first(part.valueInstant, part.valueDateTime, "?")}`;
};
/** An action as people read it. */
const deed = (action) => {
  switch (action.kind) {
    case "get": return [make("span", { class: "verb" }, "reads"), " ", ...asked(action.url)];
    case "post": {
      const resource = read(action.body);
      if (/\/\$wait$/.test(action.url)) return [make("span", { class: "verb" }, "waits"), " ", make("b", {}, waited(resource) ?? action.body)];
      return [make("span", { class: "verb" }, "writes"), " ", isObject(resource) ? card(resource) : make("pre", {}, action.body)];
    }
    case "put": case "patch": {
      const change = read(action.body);
      return [make("span", { class: "verb" }, action.kind === "put" ? "replaces" : "changes"), " ", ...asked(action.url), isObject(change) && action.kind === "put" ? card(change) : make("pre", {}, action.body)];
    }
    case "delete": return [make("span", { class: "verb" }, "deletes"), " ", ...asked(action.url)];
    case "finish": return [make("span", { class: "verb" }, "answers"), " ", items(action.answer)];
    default: return [make("span", { class: "verb bad" }, "no action"), " ", make("b", {}, action.why[0].toUpperCase() + action.why.slice(1)), action.text.trim() ? make("p", { class: "words" }, action.text.slice(0, 600) + (action.text.length > 600 ? " …" : "")) : ""];
  }
};
/** What came in while time passed, in the answer to a wait. */
const arrived = (action, body) => {
  if (action.kind !== "post" || !/\/\$wait$/.test(action.url) || body.resourceType !== "Parameters") return null;
  const parts = (each) => Object.fromEntries(list(each.part).map((part) => [part.name, part.valueString ?? part.valueInstant ?? part.valueReference?.reference]));
  const fresh = list(body.parameter).filter((each) => each.name === "new").map(parts);
  if (!fresh.length) return make("p", { class: "words" }, "nothing came in");
  return make("ul", { class: "arrived" }, fresh.map((each) => make("li", {}, make("span", { class: "code" }, String(each.time ?? "").slice(0, 16).replace("T", " ")), ` ${each.text ?? ""} `, make("span", { class: "code" }, each.resource ?? ""))));
};
const answered = (whole) => {
  const told = /^(\[[^\n]*\]\n\n|It is \d{4}-[^\n]*\n)/.exec(whole.reply)?.[0] ?? "";
  const step = { ...whole, reply: whole.reply.slice(told.length) };
  const note = told ? make("p", { class: "words" }, told.trim().replace(/^\[|\]$/g, "")) : "";
  if (!step.reply && !step.fhir) return "";
  const body = bodyOf(step);
  const status = step.status ? make("span", { class: `status ${step.status < 400 ? "" : "bad"}` }, `HTTP ${step.status}`) : "";
  const stored = /stored as (\S+)/.exec(step.reply.split("\n", 1)[0]);
  if (step.action.kind === "post" && step.status === 201) return make("div", { class: "reply" }, status, note, ` stored as ${stored ? addressIn(stored[1]).below : body?.resourceType ?? "new"}`);
  const view = body === undefined ? null : (arrived(step.action, body) ?? shown(body));
  return make("div", { class: "reply" }, status, note, view ?? make("p", { class: "words" }, step.reply.slice(0, 1500)));
};
const stepCard = (episode, step, number) =>
  make("li", { class: "step", id: `step-${number}`, tabindex: "-1" },
    make("div", { class: "head" }, make("a", { class: "number", href: addressOf(episode, number), title: "link to this step" }, String(number)), make("div", { class: "deed" }, step.thoughts ? folded("thoughts", `thoughts (${step.thoughts.length.toLocaleString("en")} characters)`, step.thoughts) : "", deed(step.action), step.said ? folded("whole", "the whole message", step.said) : "")),
    answered(step),
    raw("raw", [step.action.text, step.reply || "(no reply)", step.fhir ? `(body as sent)\n${step.fhir}` : ""].filter(Boolean).join("\n\n――――\n\n")));

const expectation = (told) => {
  if (!told.expected) return make("p", { class: "none" }, "The gold solution is not at hand; the reasons say what should have been.");
  const parts = told.expected.filter((action) => action.kind !== "get");
  const steps = make("ol", { class: "expected" }, parts.map((action) => make("li", {}, deed(action))));
  return make("div", {}, parts.length > 5 ? make("details", {}, make("summary", {}, `${parts.length} steps that write, wait or answer`), steps) : steps,
    raw("the whole gold solution", told.expected.map((action) => action.text).join("\n\n")));
};
const facts = (e, told) => {
  const [tokensIn, tokensOut] = told.tokens;
  return [
    RUNS[e.run], `seed ${e.seed}`, e.try > 1 || INDEX.repeats ? `try ${e.try}` : "", told.variant, `reward ${told.reward}`,
    told.verdict.credit !== undefined && !e.solved ? `credit ${told.verdict.credit}` : "", told.ended,
    tokensIn === null ? "" : `${tokensIn.toLocaleString("en")} tokens in, ${(tokensOut ?? 0).toLocaleString("en")} out`, told.cost === null ? "" : `cost ${Number(told.cost.toPrecision(4))}`,
    told.calls.length ? `${told.calls.length} requests to the model` : "",
  ].filter(Boolean).join(" · ");
};
const neighbours = (place) => {
  const pool = matches.includes(place) ? matches : EPISODES.map((_, each) => each);
  const at = pool.indexOf(place);
  return { before: pool[at - 1], after: pool[at + 1] };
};
const others = (e, place) => {
  const same = EPISODES.flatMap((each, at) => (at !== place && each.case === e.case && (RUNS[each.run] !== RUNS[e.run] || each.seed === e.seed) ? [at] : [])).slice(0, 8);
  return same.length ? make("p", { class: "others" }, "The same case: ", same.map((at) => make("a", { href: addressOf(EPISODES[at]) }, ...marks(EPISODES[at]), ` ${RUNS[EPISODES[at].run]}${INDEX.repeats ? `, try ${EPISODES[at].try}` : ""}`))) : "";
};
const stayOf = (told) => {
  if (!told.stay) return "";
  const drawn = document.createElement("template");
  drawn.innerHTML = told.stay;
  return make("section", { class: "stayed" }, make("h3", {}, "The stay"), drawn.content);
};
const showEpisode = async (place, step) => {
  const e = EPISODES[place];
  current = place;
  const told = await unpack(place);
  if (current !== place) return;
  const { before, after } = neighbours(place);
  const go = (to, words, key) => make("a", { class: "button", href: to === undefined ? null : addressOf(EPISODES[to]), "aria-disabled": to === undefined, title: `key ${key}` }, words);
  const reasons = (told.verdict.reasons ?? []).map((reason) => make("li", { class: reason.critical ? "critical" : "" }, reason.critical ? make("span", { class: "unsafe" }, "unsafe") : "", " ", reason.text, make("span", { class: "code" }, ` ${spoken(reason.code)}`)));
  $("episode").replaceChildren(
    make("div", { class: "bar-top" }, make("a", { class: "button back", href: "#view=list" }, "‹ list"), go(before, "‹ previous", "k"), go(after, "next ›", "j")),
    make("h2", {}, ...marks(e), " ", e.case, make("small", {}, ` ${spoken(e.branch)} · ${e.kind} · ${e.difficulty}`)),
    make("p", { class: "facts" }, facts(e, told)), others(e, place),
    make("blockquote", {}, told.task, make("details", { class: "raw" }, make("summary", {}, "all that the agent was told"), make("pre", {}, told.opening))),
    make("div", { class: "two" },
      make("section", { class: `verdict ${!e.counts ? "off" : e.solved ? "yes" : "no"}` }, make("h3", {}, e.counts ? (e.solved ? "Solved" : `Not solved: ${causeOf(e.failure)}`) : "Does not count"), told.trouble ? make("p", { class: "words" }, told.trouble) : "", make("ul", {}, reasons)),
      make("section", {}, make("h3", {}, "What was expected"), expectation(told))),
    stayOf(told),
    make("ol", { class: "steps" }, told.steps.map((each, number) => stepCard(e, each, number + 1))),
    told.calls.length ? make("details", { class: "raw" }, make("summary", {}, "requests to the model"), make("table", {}, make("tbody", {}, told.calls.map((call, number) => make("tr", {}, make("td", {}, String(number + 1)), make("td", {}, `HTTP ${call.status ?? "–"}`), make("td", {}, call.seconds === null ? "" : `${call.seconds} s`), make("td", {}, call.tokens.map((n) => n ?? "–").join(" / ") + " tokens"), make("td", {}, call.error ?? "")))))) : "");
  for (const link of document.querySelectorAll("#rows a")) link.toggleAttribute("aria-current", Number(link.parentElement.dataset.place) === place);
  document.querySelector("#rows a[aria-current]")?.scrollIntoView({ block: "nearest" });
  document.title = `${e.case} · ${RUNS[e.run]}`;
  $("episode").scrollTop = 0;
  if (step) toStep(Number(step)); else scrollTo(0, 0);
  document.body.dataset.shown = location.hash;
};
let at = 0;
const toStep = (number) => {
  const step = $(`step-${number}`);
  if (!step) return;
  at = number;
  document.querySelectorAll(".step.here").forEach((each) => each.classList.remove("here"));
  step.classList.add("here");
  step.focus({ preventScroll: true });
  step.scrollIntoView({ block: "start" });
};

// ---- what the address asks for

const apply = () => {
  const asks = wanted();
  const isEpisode = asks.has("case");
  const isList = asks.get("view") === "list" || (!isEpisode && FILTERS.some((name) => asks.has(name))) || asks.has("q");
  const anchor = !isEpisode && !isList ? location.hash.slice(1) : "";
  document.body.dataset.view = isEpisode ? "episode" : isList ? "list" : "overview";
  for (const tab of document.querySelectorAll("nav a[data-tab]")) tab.toggleAttribute("aria-current", tab.dataset.tab === (isEpisode || isList ? "list" : "overview"));
  if (isList && !isEpisode && !(asks.get("view") === "list" && [...asks.keys()].length === 1)) {
    $("q").value = asks.get("q") ?? "";
    for (const each of FILTERS) $(`f-${each}`).value = asks.get(each) ?? "";
    filter();
  }
  if (isEpisode) {
    const place = find(asks);
    if (place < 0) {
      current = -1;
      $("episode").replaceChildren(make("p", {}, `There is no episode of ${asks.get("case")} with seed ${asks.get("seed") ?? "any"} in ${asks.get("run") ?? "these runs"}.`));
      document.body.dataset.shown = location.hash;
    } else if (place === current && asks.has("step")) {
      toStep(Number(asks.get("step")));
      document.body.dataset.shown = location.hash;
    } else {
      at = 0;
      showEpisode(place, asks.get("step"));
    }
  } else {
    document.body.dataset.shown = location.hash;
    document.title = INDEX.title;
    if (isList && current < 0) $("episode").replaceChildren(make("p", { class: "none" }, "Choose an episode. Keys: j and k go through them, n and p through the steps, / searches, r shows what is raw, ? tells of all keys."));
    if (anchor) document.getElementById(anchor)?.scrollIntoView();
  }
};

const remember = () => {
  const parts = { view: "list", q: $("q").value, ...Object.fromEntries(FILTERS.map((name) => [name, $(`f-${name}`).value])) };
  history.replaceState(null, "", address(parts));
  document.body.dataset.view = "list";
  filter();
};
const unfold = (kind) => {
  const all = [...document.querySelectorAll(`#episode details.${kind}`)];
  const open = !all.some((each) => each.open);
  all.forEach((each) => { each.open = open; });
};
const KEYS = {
  j: () => { const { after } = neighbours(current); const to = current < 0 ? matches[0] : after; if (to !== undefined) location.hash = addressOf(EPISODES[to]); },
  k: () => { const { before } = neighbours(current); if (before !== undefined) location.hash = addressOf(EPISODES[before]); },
  n: () => toStep(at + 1),
  p: () => toStep(Math.max(1, at - 1)),
  r: () => unfold("raw"),
  t: () => unfold("thoughts"),
  "/": () => { if (document.body.dataset.view === "overview") location.hash = "#view=list"; setTimeout(() => $("q").focus()); },
  o: () => { location.hash = "#"; },
  "?": () => $("keys").showModal(),
};
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
    if (event.key === "Escape") event.target.blur();
    else if (event.key === "Enter" && event.target === $("q") && matches.length) { event.target.blur(); location.hash = addressOf(EPISODES[matches[0]]); }
    return;
  }
  if (event.key in KEYS) { event.preventDefault(); KEYS[event.key](); }
});

choices("run", RUNS, "all runs");
choices("family", EPISODES.map((e) => e.family), "all families");
choices("kind", EPISODES.map((e) => e.kind), "both kinds");
choices("difficulty", EPISODES.map((e) => e.difficulty), "any difficulty");
choices("failure", EPISODES.filter((e) => e.counts && !e.solved).map((e) => e.failure ?? "other"), "any failure");
$("f-outcome").append(...[["", "any outcome"], ["solved", "solved"], ["failed", "not solved"], ["unsafe", "unsafe"], ["uncounted", "does not count"]].map(([value, words]) => make("option", { value }, words)));
$("f-run").hidden = RUNS.length < 2;
$("q").addEventListener("input", remember);
for (const each of FILTERS) $(`f-${each}`).addEventListener("change", remember);
$("more").addEventListener("click", showMore);
new IntersectionObserver((seen) => { if (seen.some((each) => each.isIntersecting) && !$("more").hidden) showMore(); }).observe($("more"));
$("theme").addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
});
$("help").addEventListener("click", () => $("keys").showModal());
addEventListener("hashchange", apply);
filter();
apply();
document.body.dataset.interactive = String(Math.round(performance.now()));

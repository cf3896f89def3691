"use strict";
// FHIR resources as a clinician reads them: one table for each type of a Bundle, an order as a card.

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
};

const list = (value) => (Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]);
const first = (...values) => values.find((value) => value !== undefined && value !== null && value !== "");
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** A date or time as people write it; its offset where it is not UTC. */
const when = (value) => {
  if (isObject(value)) return [when(value.start), when(value.end)].filter(Boolean).join(" – ");
  if (typeof value !== "string") return "";
  const parts = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?$/.exec(value);
  if (!parts) return value;
  const seconds = parts[3] && !/^:00(\.0+)?$/.test(parts[3]) ? parts[3].replace(/\.\d+$/, "") : "";
  const offset = !parts[4] || parts[4] === "Z" || parts[4] === "+00:00" ? "" : ` ${parts[4]}`;
  return `${parts[1]} ${parts[2]}${seconds}${offset}`;
};

/** Names of codes that agents order by, for codings that come without one (SNOMED CT); KINDS has those of results. */
const NAMES = { "306181000000106": "Referral to orthopaedics" };
const nameOf = (code) => NAMES[code] ?? KINDS[code]?.[0];
const concept = (value) => {
  const one = list(value)[0];
  if (typeof one === "string") return one;
  if (!isObject(one)) return "";
  const codings = list(one.coding).filter(isObject);
  return String(first(one.text, ...codings.map((c) => c.display), ...codings.map((c) => nameOf(c.code)), ...codings.map((c) => c.code), one.display, one.reference) ?? "");
};
const code = (value) => {
  const coding = list(list(value)[0]?.coding)[0];
  return isObject(coding) && coding.code ? String(coding.code) : "";
};
/** The words for a concept; the name of a local code that stands for its own text. */
const named = (value) => nameOf(concept(value)) ?? concept(value);
const quantity = (value) =>
  isObject(value) ? [value.comparator, value.value, first(value.unit, value.code)].filter((part) => part !== undefined && part !== "").join(" ") : "";
const reference = (value) => (isObject(value) ? String(first(value.display, value.reference, "")) : "");
const name = (value) => {
  const one = list(value)[0];
  return isObject(one) ? first(one.text, [...list(one.given), one.family].filter(Boolean).join(" ")) ?? "" : "";
};

const value = (resource) => {
  if (resource.valueQuantity) return quantity(resource.valueQuantity);
  const found = Object.entries(resource).find(([key]) => /^value[A-Z]/.test(key));
  if (found) return isObject(found[1]) ? concept(found[1]) || quantity(found[1]) || JSON.stringify(found[1]) : String(found[1]);
  const parts = list(resource.component).map((part) => `${named(part.code)} ${value(part)}`);
  return parts.length ? parts.join(", ") : concept(resource.dataAbsentReason);
};
/** H or L beside a value outside of its range: as the record says itself, else by the known ranges in their units, but those that depend on the sex. */
const flag = (resource) => {
  const told = list(resource.interpretation).map(code).find(Boolean);
  if (["H", "HH", "L", "LL", "N"].includes(told)) return told === "N" ? "" : told[0];
  const [, range, units] = KINDS[code(resource.code)] ?? [];
  const { value: number, unit } = resource.valueQuantity ?? {};
  if (!range || typeof number !== "number" || !units.includes(String(unit).replace("mm Hg", "mmHg"))) return "";
  return range[1] !== null && number > range[1] ? "H" : range[0] !== null && number < range[0] ? "L" : "";
};
const overTime = (rate) => (/^(h|hr|hours?|min|minutes?|d|days?)$/i.test(first(rate?.unit, rate?.code) ?? "") ? "over" : "at");
const dose = (resource) =>
  list(resource.dosageInstruction).map((each) => {
    const amounts = list(each?.doseAndRate).map((part) => {
      const rate = quantity(part?.rateQuantity) || [quantity(part?.rateRatio?.numerator), quantity(part?.rateRatio?.denominator)].filter(Boolean).join(" per ");
      return [quantity(part?.doseQuantity), rate && `${overTime(part?.rateQuantity)} ${rate}`].filter(Boolean).join(" ");
    });
    return [...amounts, concept(each?.route), concept(each?.timing?.code), each?.text].filter(Boolean).join(", ");
  }).join("; ");
const notes = (resource) => list(resource.note).map((note) => note?.text ?? note).join(" ");
const anyTime = (resource) =>
  when(first(resource.effectiveDateTime, resource.effectivePeriod, resource.performedDateTime, resource.performedPeriod,
    resource.authoredOn, resource.onsetDateTime, resource.recordedDate, resource.occurrenceDateTime, resource.date,
    resource.issued, resource.period, resource.start, resource.created));

/** The text of a note, decoded; empty where it has none here. */
const noteText = (resource) => {
  const attachment = list(resource.content).map((each) => each?.attachment).find(isObject);
  if (typeof attachment?.data !== "string" || !/^(text\/|application\/(json|xml))/.test(attachment.contentType ?? "text/plain")) return "";
  try { return new TextDecoder().decode(Uint8Array.from(atob(attachment.data), (each) => each.charCodeAt(0))); } catch { return ""; }
};
const opened = (text) => make("details", { class: "note-text" }, make("summary", {}, `${text.trim().split("\n", 1)[0].slice(0, 80)} …`), make("pre", {}, text));
const given = (resource) => {
  const rate = quantity(resource.dosage?.rateQuantity);
  return first(resource.dosage?.text, [quantity(resource.dosage?.dose), rate && `at ${rate}`, concept(resource.dosage?.route)].filter(Boolean).join(" "));
};

const COLUMNS = {
  Patient: {
    MRN: (r) => first(...list(r.identifier).map((each) => each?.value), r.id), name: (r) => name(r.name), sex: (r) => r.gender,
    born: (r) => r.birthDate, died: (r) => when(r.deceasedDateTime) || (r.deceasedBoolean ? "yes" : ""),
    lives: (r) => list(r.address).map((a) => [...list(a?.line), a?.city, a?.state].filter(Boolean).join(", "))[0],
    phone: (r) => list(r.telecom)[0]?.value,
  },
  Observation: {
    taken: (r) => anyTime(r), what: (r) => r.code, value: (r) => value(r), flag, status: (r) => r.status,
  },
  Condition: {
    since: (r) => when(first(r.onsetDateTime, r.onsetPeriod, r.recordedDate)), what: (r) => r.code,
    clinical: (r) => concept(r.clinicalStatus), verification: (r) => concept(r.verificationStatus),
  },
  Procedure: { done: (r) => anyTime(r), what: (r) => r.code, status: (r) => r.status },
  MedicationRequest: {
    ordered: (r) => when(r.authoredOn), what: (r) => first(r.medicationCodeableConcept, r.medicationReference), dose,
    status: (r) => [r.status, r.intent].filter(Boolean).join(", "), priority: (r) => r.priority, note: notes,
  },
  ServiceRequest: {
    ordered: (r) => when(r.authoredOn), what: (r) => r.code, for: (r) => when(first(r.occurrenceDateTime, r.occurrencePeriod)),
    status: (r) => [r.status, r.intent].filter(Boolean).join(", "), priority: (r) => r.priority, note: notes,
  },
  DocumentReference: {
    written: (r) => when(r.date), what: (r) => r.type, title: (r) => first(r.description, list(r.content)[0]?.attachment?.title),
    author: (r) => list(r.author).map((each) => each?.display ?? reference(each)).join(", "), status: (r) => r.status, text: noteText,
  },
  Communication: {
    sent: (r) => when(first(r.sent, r.received)), what: (r) => ({ text: list(r.payload).map((each) => each?.contentString ?? "").join(" ") }),
    from: (r) => r.sender?.display ?? reference(r.sender), to: (r) => list(r.recipient).map((each) => each?.display ?? reference(each)).join(", "),
    priority: (r) => r.priority,
  },
  MedicationAdministration: {
    given: anyTime, what: (r) => first(r.medicationCodeableConcept, r.medicationReference), dose: given, status: (r) => r.status,
    why: (r) => list(r.statusReason).map(concept).join(", "),
  },
  DiagnosticReport: {
    issued: (r) => when(first(r.issued, r.effectiveDateTime)), what: (r) => r.code, conclusion: (r) => r.conclusion, status: (r) => r.status,
  },
};
const ANYTHING = {
  when: anyTime,
  what: (r) => first(r.code, r.medicationCodeableConcept, r.vaccineCode, r.type, r.class, r.name && { text: name(r.name) || String(r.name) }),
  status: (r) => first(r.status, concept(r.clinicalStatus)),
};
const VOID = new Set(["entered-in-error", "cancelled", "not-done"]);

/** The person whom a resource is about. */
const subject = (resource) => reference(first(resource.subject, resource.patient));

const cell = (column, shown, resource) => {
  if (column === "what") {
    const text = named(shown);
    const short = code(shown);
    return make("td", {}, text, short && short !== text ? make("span", { class: "code" }, ` ${short}`) : "");
  }
  if (column === "flag") return make("td", { class: shown === "H" ? "high" : shown === "L" ? "low" : "" }, String(shown ?? ""));
  if (column === "value") return make("td", { class: `v ${{ H: "high", L: "low" }[flag(resource)] ?? ""}` }, String(shown ?? ""));
  if (column === "text") return make("td", { class: "text" }, shown ? opened(shown) : "");
  return make("td", {}, String(shown ?? ""));
};

/** Resources of one type as a table; columns in which nobody has anything are left out. */
const table = (type, resources, most = 20) => {
  const all = COLUMNS[type] ?? ANYTHING;
  const subjects = new Set(resources.map(subject));
  const columns = { ...all };
  if (subjects.size > 1) columns.patient = subject;
  const filled = Object.entries(columns).filter(([, read]) => resources.some((resource) => first(read(resource))));
  const body = make("tbody");
  const rows = resources.map((resource) =>
    make("tr", { class: VOID.has(resource.status) ? "void" : "", title: `${type}/${resource.id ?? ""}` },
      filled.map(([column, read]) => cell(column, read(resource), resource))));
  body.append(...rows.slice(0, most));
  const about = subjects.size === 1 && [...subjects][0] ? ` of ${[...subjects][0]}` : "";
  const caption = make("caption", {}, `${type}${about}`);
  const whole = make("div", { class: "wide" },
    make("table", {}, caption, make("thead", {}, make("tr", {}, filled.map(([column]) => make("th", {}, column === "flag" ? "" : column)))), body));
  if (rows.length > most) {
    const more = make("button", { type: "button", onclick: () => { body.append(...rows.slice(most)); more.remove(); } },
      `${rows.length - most} more`);
    whole.append(more);
  }
  return whole;
};

const outcome = (resource) =>
  make("ul", { class: "outcome" }, list(resource.issue).map((issue) =>
    make("li", {}, make("b", {}, `${issue?.severity ?? "issue"}: `), String(first(issue?.diagnostics, concept(issue?.details), issue?.code, "")))));

/** One resource in words: what it is, then every field that a column shows. */
const card = (resource) => {
  const type = resource.resourceType ?? "a resource";
  const columns = COLUMNS[type] ?? ANYTHING;
  const facts = Object.entries({ patient: subject, ...columns })
    .map(([column, read]) => [column, read(resource)])
    .filter(([column, shown]) => column !== "what" && first(shown));
  const what = columns.what ? columns.what(resource) : null;
  const short = code(what);
  return make("div", { class: "card" },
    make("p", { class: "title" }, make("span", { class: "type" }, type), " ", named(what),
      short && short !== named(what) ? make("span", { class: "code" }, ` ${short}`) : ""),
    make("dl", {}, facts.map(([column, shown]) => make("div", {}, make("dt", {}, column), make("dd", {}, column === "text" ? opened(shown) : String(shown))))));
};

/** A response of the record system, whatever it is; null where it is no FHIR. */
const shown = (resource) => {
  if (!isObject(resource) || !resource.resourceType) return null;
  if (resource.resourceType === "OperationOutcome") return outcome(resource);
  if (resource.resourceType !== "Bundle") return card(resource);
  const entries = list(resource.entry).map((entry) => entry?.resource).filter(isObject);
  const types = new Map();
  for (const each of entries) types.set(each.resourceType, [...(types.get(each.resourceType) ?? []), each]);
  const next = list(resource.link).some((link) => link?.relation === "next");
  const of = typeof resource.total === "number" && resource.total !== entries.length ? ` of ${resource.total}` : "";
  const found = entries.length ? `${entries.length}${of} found${next ? ", more on the next page" : ""}` : "nothing found";
  return make("div", {}, make("p", { class: "found" }, found),
    [...types].map(([type, resources]) => (type === "OperationOutcome" ? resources.map(outcome) : table(type, resources))));
};

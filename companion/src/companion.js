// The browser companion: remembers the click that brought a visitor, and gives the website's pixel, its forms and the
// bridge one and the same ids. It stores and sends nothing before consent; refusal deletes everything again.
// Built by `make companion` into bridge/web/companion/; at most 2,000 bytes gzipped. How to use it: docs/companion.md.

const { dataset: options, src } = document.currentScript;
const endpoint = options.to || src.replace(/\.[^/]*$/, ""); // /c.js, /c.<hash>.js → /c

const NAME = "cb_visitor"; // of the cookie with the visitor's id, and of the record in the local storage
const PARAMETERS = /^utm_|clk?id$|braid$|^(li_fat_id|epik|ScCid|rdt_cid)$/; // campaigns and click ids in a URL
// Vendors that put parameters of a form's URL into its hidden fields; Typeform takes them behind #. Looked up 2026-11-28:
//   https://github.com/Typeform/embed/issues/260 (behind #), https://developer.typeform.com/embed/hidden-fields/
//   https://developer.calendly.com/api-docs/overview/embedding/getting-started (utm_ only)
//   https://www.jotform.com/help/71-prepopulating-fields-to-your-jotform-via-url-parameters/ (the field's unique name)
//   https://www.fillout.com/help/url-parameters   https://tally.so/help/hidden-fields
const FORM_VENDORS = /^https:\/\/([^/]+\.)?(((typeform)|calendly|jotform|fillout)\.com|tally\.so)\//;

let state; // undefined: nobody has decided; true: granted; false: refused
let visit = {}; // what is remembered: visitor_id, host, fbc, first, last, sent_at, source, decided_at
let waiting = []; // calls of `track` before the decision
const ours = new WeakMap(); // field, link or frame → its value without us, and with us
const eventIds = new WeakMap(); // form → the id of its submission

// --- what browsers keep; each of it may be switched off -----------------------------------------------------------

const attempt = (work) => {
  try {
    return work();
  } catch (error) {} // eslint-disable-line
};
const cookie = (name) => attempt(() => (`; ${document.cookie}`.split(`; ${name}=`)[1] || "").split(";")[0]);
const setCookie = (name, value, host, seconds) =>
  attempt(() => {
    document.cookie =
      `${name}=${value};path=/;samesite=lax;max-age=${seconds};domain=${host}` + (isSecureContext ? ";secure" : "");
    return cookie(name);
  });
// com, example.com, www.example.com
const hosts = location.hostname.split(".").map((_, at, labels) => labels.slice(~at).join("."));
// Set a cookie for as much of the website as the browser lets us. Return that host; undefined without cookies.
const keepCookie = (name, value) =>
  hosts.find((host) => setCookie(name, value, host, 7776000) === value); // 90 days, as the pixel
const stored = () =>
  attempt(() => {
    const record = JSON.parse(localStorage[NAME]);
    return Date.now() - record.last.touched_at < 7776000000 && record; // 90 days after the last campaign
  }) || {};
const knownVisitor = () => cookie(NAME) || stored().visitor_id;
const store = () => state && attempt(() => (localStorage[NAME] = JSON.stringify(visit)));

// --- the visit ----------------------------------------------------------------------------------------------------

const random = () =>
  crypto.getRandomValues(new Uint8Array(16)).reduce((text, byte) => text + (byte + 256).toString(16).slice(1), "");
const page = (url) => url.split(/[?#]/)[0]; // a query may hold personal data

// Meta's rules for an fbc: the index is the number of dots in the host of the cookie, the time is the first sight of
// the click id in ms, and only another click id replaces it.
const remember = (source, now) => {
  const { referrer } = document;
  const isInner = referrer.split("/")[2] === location.host;
  const given = {};
  // The page before this one still knows the click, where consent comes on the second page only.
  for (const query of [referrer.split("?")[1], location.search])
    new URLSearchParams(query).forEach((value, name) => {
      if (PARAMETERS.test(name) && /^[^;]{1,500}$/.test(value)) given[name] = value;
    });
  visit = { source, decided_at: now, ...stored() };
  visit.visitor_id = knownVisitor() || random();
  visit.host = keepCookie(NAME, visit.visitor_id);
  if (JSON.stringify({ ...visit.last, ...given }) !== JSON.stringify(visit.last)) {
    visit.last = {
      touched_at: now,
      landing_page: page(isInner ? referrer : location.href),
      referrer: isInner ? "" : page(referrer),
      ...given,
    };
    visit.sent_at = 0;
  }
  visit.first = visit.first || visit.last;
  const prefix = `fb.${(visit.host || ".").split(".").length - 1}.${now}.`;
  visit.fbc = cookie("_fbc") || visit.fbc;
  if (given.fbclid && !`${visit.fbc}.`.includes(`.${given.fbclid}.`)) {
    visit.fbc = prefix + given.fbclid;
    keepCookie("_fbc", visit.fbc);
  }
  if (!cookie("_fbp")) keepCookie("_fbp", prefix + (Math.random() * 1e9 | 0));
  visit.fbp = cookie("_fbp");
  store();
};

const forget = () => {
  for (const name of [NAME, "_fbc", "_fbp"]) hosts.map((host) => setCookie(name, "", host, 0));
  attempt(() => delete localStorage[NAME]);
  visit = {};
};

const eventIdOf = (form) => {
  if (!eventIds.has(form)) eventIds.set(form, random());
  return eventIds.get(form);
};
const ids = () => {
  const { visitor_id, fbc, fbp, first, last } = state ? visit : {};
  const all = { __proto__: null, ...last, visitor_id, fbc, fbp };
  for (const name in first) all[`first_${name}`] = first[name];
  return all;
};

// --- the beacon ---------------------------------------------------------------------------------------------------

const send = (more) => {
  visit.sent_at = Date.now();
  store();
  const body = JSON.stringify({ ...visit, granted: state, page: page(location.href), ...more });
  const settled = () => state || forget(); // a late answer must not bring the cookie back
  if ("keepalive" in Request.prototype)
    fetch(endpoint, { method: "POST", body, keepalive: true, credentials: "include" }).then(settled, settled);
  else navigator.sendBeacon(endpoint, body); // on more lists of blockers than fetch
};
const track = (event_name, data = {}, event_id = `${event_name}-${random()}`) => {
  const event_time = Date.now();
  const report = () => {
    if (window.fbq) fbq("track", event_name, data, { eventID: event_id });
    send({ event_name, event_id, event_time, data });
  };
  if (state) report();
  else if (state == null) waiting.push(report);
  return event_id;
};

// --- forms, and links to the forms of vendors ---------------------------------------------------------------------

// Change what is ours, and nothing that the website or its visitor wrote.
const write = (element, key, change) => {
  const [before, after] = ours.get(element) || [];
  const original = element[key] === after ? before : element[key];
  const value = change(original);
  if (value !== element[key]) {
    element[key] = value;
    ours.set(element, [original, value]);
    element.dispatchEvent(new Event("change", { bubbles: true })); // HubSpot's forms, and others, read no value without
  }
};
const fill = () => {
  const values = ids();
  for (const field of document.querySelectorAll("input[type=hidden],[data-cb]")) {
    const name = field.dataset.cb || (/([a-z]\w*)]?$/i.exec(field.name) || [])[1]; // _fbc, contact[fbc]
    const value = name === "cb_event_id" ? state && eventIdOf(field.form || field) : values[name];
    write(field, "value", (original) => original || value || "");
  }
  for (const element of document.querySelectorAll("a,iframe")) {
    const key = element.href ? "href" : "src";
    const vendor = FORM_VENDORS.exec(element[key]);
    if (vendor && element !== document.activeElement)
      write(element, key, (original) => {
        const url = new URL(original);
        const part = vendor[4] ? "hash" : "search";
        const query = new URLSearchParams(url[part].slice(1));
        for (const name in values) {
          if (!values[name] || query.has(name)) continue;
          query.set(name, values[name]);
          url[part] = query;
        }
        return url.href;
      });
  }
};

// --- consent ------------------------------------------------------------------------------------------------------

const consent = (isGiven, source = "page") => {
  const now = Date.now();
  const isGranted = !!isGiven && !navigator.globalPrivacyControl;
  if (isGranted === state) return;
  state = isGranted;
  if (state) {
    remember(source, now);
    waiting.splice(0).map((report) => report());
    if (now - visit.sent_at > 86400000) send();
  } else {
    const visitor_id = knownVisitor();
    waiting = [];
    forget();
    visit = { visitor_id, source, decided_at: now };
    if (visitor_id) send();
  }
  fill();
};

const calls = window.capi || []; // made while this script was loading
const capi = (window.capi = { track, ids, fill, consent, push: ([name, ...values]) => capi[name](...values) });
calls.forEach(capi.push);
if (state == null && (knownVisitor() || options.consent === "granted")) consent(true, "tag");
if ("pageView" in options) track("PageView");
addEventListener("submit", ({ target }) => {
  fill();
  if (options.formEvent && eventIds.has(target)) track(options.formEvent, {}, eventIdOf(target));
}, true);
addEventListener("reset", ({ target }) => {
  eventIds.delete(target);
  fill();
}, true);
new MutationObserver(fill).observe(document, { childList: true, subtree: true });
fill();

// Tells the companion what visitors chose in a consent banner: Google Consent Mode, or IAB TCF version 2. It does
// nothing unless the owner of the website has stated, by data-covers-meta on its tag, that these choices cover sending
// to Meta. Built by `make companion` into bridge/web/companion/.
//
// Consent Mode: https://developers.google.com/tag-platform/security/guides/consent (gtag writes to dataLayer)
// TCF: https://github.com/InteractiveAdvertisingBureau/GDPR-Transparency-and-Consent-Framework

window.capi = window.capi || []; // the companion may come later
const decide = (isGranted, source) => window.capi.push(["consent", isGranted, source]);

// --- Google Consent Mode ------------------------------------------------------------------------------------------

const NEEDED = ["ad_storage", "ad_user_data"]; // cookies, and sending personal data for advertising
const chosen = {};
let isVisitorsOwn = false; // whether the visitor has chosen something; a default is no choice

// A default for some regions says nothing about this visitor. Return for how many ms a default wants to wait.
const readCommand = (command) => {
  const [what, kind, choices] = Array.from(command || []);
  if (what !== "consent" || !choices || choices.region) return 0;
  if (kind === "update") isVisitorsOwn = true;
  else if (kind !== "default") return 0;
  for (const name of NEEDED) if (choices[name]) chosen[name] = choices[name];
  return choices.wait_for_update || 0;
};
const decideByConsentMode = () => {
  const isGranted = NEEDED.every((name) => chosen[name] === "granted");
  if (isGranted || isVisitorsOwn) decide(isGranted, "google");
};
const readCommands = (commands) => {
  const wait = Math.max(0, ...commands.map(readCommand));
  if (wait && !isVisitorsOwn) setTimeout(decideByConsentMode, wait);
  else decideByConsentMode();
};

const readConsentMode = () => {
  const layer = (window.dataLayer = window.dataLayer || []);
  readCommands([...layer]);
  const { push } = layer;
  layer.push = (...commands) => {
    readCommands(commands);
    return push.apply(layer, commands);
  };
};

// --- IAB TCF ------------------------------------------------------------------------------------------------------

const PURPOSES = [1, 3, 4, 7]; // store, make a profile for advertising, use it, measure advertising

const readTransparencyAndConsent = () =>
  window.__tcfapi("addEventListener", 2, (data, isSuccess) => {
    if (!isSuccess || !["tcloaded", "useractioncomplete"].includes(data.eventStatus)) return;
    const { consents } = data.purpose;
    if (data.gdprApplies !== false) decide(PURPOSES.every((purpose) => consents[purpose]), "tcf");
  });

if (document.currentScript.dataset.coversMeta == null)
  console.warn("companion: the consent banner is not read, because data-covers-meta is missing from this script's tag");
else if (window.__tcfapi) readTransparencyAndConsent();
else readConsentMode();

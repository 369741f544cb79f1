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

// A default is no choice of the visitor: one that denies leaves everything undecided, one for some regions says nothing
// about this visitor.
const readCommand = (command) => {
  const [what, kind, choices] = Array.from(command || []);
  if (what !== "consent" || !choices || choices.region) return;
  if (kind !== "default" && kind !== "update") return;
  for (const name of NEEDED) if (choices[name]) chosen[name] = choices[name];
  if (NEEDED.every((name) => chosen[name] === "granted")) decide(true, "google");
  else if (kind === "update") decide(false, "google");
};

const readConsentMode = () => {
  const layer = (window.dataLayer = window.dataLayer || []);
  layer.forEach(readCommand);
  const { push } = layer;
  layer.push = (...commands) => {
    commands.forEach(readCommand);
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

// Forms that a passkey fills in: data-passkey is get or create, data-challenge is
// where what it has to sign comes from. What it answers goes into the field
// "credential", and the form is posted as any other.
import { on } from "./dom.js";

const known = "PublicKeyCredential" in globalThis && navigator.credentials;

on("submit", "form[data-passkey]", async (event, form) => {
  if (form.elements.credential.value) return;
  event.preventDefault();
  say(form, "");
  if (!known) {
    say(form, "This browser knows no passkeys. Choose another way.");
    return;
  }
  if (form.hasAttribute("aria-busy")) return;
  form.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(form.dataset.challenge, { method: "POST", credentials: "same-origin", redirect: "manual" });
    if (!response.ok) {
      // The server says why, and where to go on, on a page of its own.
      form.submit();
      return;
    }
    const { publicKey } = await response.json();
    const credential = form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey: creation(publicKey) })
      : await navigator.credentials.get({ publicKey: request(publicKey) });
    form.elements.credential.value = JSON.stringify(plain(credential));
    form.submit();
  } catch (error) {
    say(form, reason(error));
  } finally {
    form.removeAttribute("aria-busy");
  }
}, true);

// Coming back by the browser's own button, the answer of before is worth nothing.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-passkey]")) form.elements.credential.value = "";
});

function say(form, sentence) {
  const line = form.querySelector("[data-passkey-problem]");
  line.querySelector("span").textContent = sentence;
  line.hidden = sentence === "";
}

function reason(error) {
  switch (error.name) {
    case "InvalidStateError": return "This device has a passkey for you already.";
    case "NotAllowedError": return "Nothing was shown. Try again, or choose another way.";
    case "SecurityError": return "This address can have no passkeys.";
  }
  return "That did not work. Try again, or choose another way.";
}

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const ids = (list = []) => list.map((entry) => ({ ...entry, id: bytes(entry.id) }));

function creation(options) {
  return { ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) }, excludeCredentials: ids(options.excludeCredentials) };
}

function request(options) {
  return { ...options, challenge: bytes(options.challenge), allowCredentials: ids(options.allowCredentials) };
}

// The credential as JSON; buffers are base64url.
function plain(credential) {
  const { response } = credential;
  const answer = { clientDataJSON: text(response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) answer[name] = text(response[name]);
  }
  if (response.getTransports) answer.transports = response.getTransports();
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response: answer, clientExtensionResults: credential.getClientExtensionResults() };
}

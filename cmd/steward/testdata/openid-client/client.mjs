// Signs a user in with openid-client, in full. What has to happen in a browser is
// asked for in a line of JSON, {"go": address}, and answered by {"back": address}.
import * as client from "openid-client";
import { createInterface } from "node:readline";

const { issuer, id, secret, redirect, loggedOut } = JSON.parse(process.argv[2]);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const browse = async (url) => {
  console.log(JSON.stringify({ go: String(url) }));
  return new URL(JSON.parse((await lines.next()).value).back);
};

const config = await client.discovery(
  new URL(issuer), id, secret ? { client_secret: secret } : undefined,
  secret ? client.ClientSecretPost(secret) : client.None(), { execute: [client.allowInsecureRequests] },
);
const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
const nonce = client.randomNonce();
const start = client.buildAuthorizationUrl(config, {
  redirect_uri: redirect, scope: "openid profile email offline_access", state, nonce,
  code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
});
const back = await browse(start);
const tokens = await client.authorizationCodeGrant(config, back, {
  pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
});
const claims = tokens.claims();
const user = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
let reused = "taken";
try {
  await client.refreshTokenGrant(config, tokens.refresh_token);
} catch (e) {
  reused = e.error;
}
// What was used twice ends all that came of it: a second sign-in goes on.
const again = await client.authorizationCodeGrant(config, await browse(start), {
  pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
});
const active = secret ? (await client.tokenIntrospection(config, again.access_token)).active : undefined;
await client.tokenRevocation(config, again.refresh_token);
let revoked = "taken";
try {
  await client.refreshTokenGrant(config, again.refresh_token);
} catch (e) {
  revoked = e.error;
}
const out = await browse(client.buildEndSessionUrl(config, { id_token_hint: again.id_token, post_logout_redirect_uri: loggedOut, state: "bye" }));
console.log(JSON.stringify({ claims, user, refreshed: refreshed.claims()?.sub, reused, active, revoked, out: String(out) }));
process.exit(0);

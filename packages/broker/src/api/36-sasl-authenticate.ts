import { saslAuthenticateApi } from '@millrace/protocol'
import { serve } from './served-api.ts'

/**
 * SaslAuthenticate (key 36), versions 0–2: rounds of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. From v1 the last answer tells how long the
 * session lasts (KIP-368). SASL_AUTHENTICATION_FAILED says why in words, and a moment later the connection closes (KIP-152).
 * Before a handshake the connection closes without an answer, as there; after authentication it is ILLEGAL_SASL_STATE and nothing else happens.
 */
export const saslAuthenticate = serve({
  api: saslAuthenticateApi,
  versions: [0, 2],
  handle: ({ authBytes }, { session, version }) => session.authenticate(version, authBytes),
})

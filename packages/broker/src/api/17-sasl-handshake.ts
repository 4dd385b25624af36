import { saslHandshakeApi } from '@millrace/protocol'
import { serve } from './served-api.ts'

/**
 * SaslHandshake (key 17), versions 0–1: agrees on a mechanism, or tells which there are (UNSUPPORTED_SASL_MECHANISM) and closes.
 * ILLEGAL_SASL_STATE where nobody has to authenticate, or has done so for good; and a second one before authentication, which ends the connection.
 *
 * Version 0, after which bare tokens would follow, is refused with UNSUPPORTED_VERSION; it is advertised because older librdkafka switches
 * SASL off without it.
 */
export const saslHandshake = serve({
  api: saslHandshakeApi,
  versions: [0, 1],
  handle: ({ mechanism }, { session, version }) => session.handshake(version, mechanism),
})

import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bytes, int16, int64, string } from '../schema/fields.ts'

/**
 * SaslAuthenticate (key 36), versions 0–2: one message of the mechanism, and the answer to it.
 *
 * - 1: how long the session lasts before the client has to authenticate again (KIP-368). 2: flexible.
 */
export const saslAuthenticateApi = defineApi({
  key: 36,
  name: 'SaslAuthenticate',
  versions: [0, 2],
  flexibleSince: 2,
  request: { authBytes: bytes() },
  response: {
    errorCode: int16(),
    errorMessage: string({ nullable: 0 }),
    authBytes: bytes(),
    sessionLifetimeMs: int64({ since: 1, default: 0n, ignorable: true }),
  },
})

export type SaslAuthenticateRequest = RequestOf<typeof saslAuthenticateApi>
export type SaslAuthenticateRequestInput = RequestInputOf<typeof saslAuthenticateApi>
export type SaslAuthenticateResponse = ResponseOf<typeof saslAuthenticateApi>
export type SaslAuthenticateResponseInput = ResponseInputOf<typeof saslAuthenticateApi>

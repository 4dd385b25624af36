import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, list, string } from '../schema/fields.ts'

/**
 * SaslHandshake (key 17), versions 0–1: chooses how a connection is authenticated.
 *
 * - 1: the mechanism's messages travel inside SaslAuthenticate; after version 0 they follow as bare frames (KIP-152).
 *
 * Never flexible: clients up to 2.4 negotiate it wrongly (KAFKA-9577).
 */
export const saslHandshakeApi = defineApi({
  key: 17,
  name: 'SaslHandshake',
  versions: [0, 1],
  flexibleSince: null,
  request: { mechanism: string() },
  response: { errorCode: int16(), mechanisms: list(string()) },
})

export type SaslHandshakeRequest = RequestOf<typeof saslHandshakeApi>
export type SaslHandshakeRequestInput = RequestInputOf<typeof saslHandshakeApi>
export type SaslHandshakeResponse = ResponseOf<typeof saslHandshakeApi>
export type SaslHandshakeResponseInput = ResponseInputOf<typeof saslHandshakeApi>

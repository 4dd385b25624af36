import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bytes, int16, int32, int8, string, structs } from '../schema/fields.ts'

/**
 * AlterUserScramCredentials (key 51), version 0: sets and removes SCRAM credentials of users (KIP-554). The client salts the password.
 */
export const alterUserScramCredentialsApi = defineApi({
  key: 51,
  name: 'AlterUserScramCredentials',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    deletions: structs({ name: string(), mechanism: int8() }),
    upsertions: structs({
      name: string(),
      mechanism: int8(),
      iterations: int32(),
      salt: bytes(),
      saltedPassword: bytes(),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: structs({ user: string(), errorCode: int16(), errorMessage: string({ nullable: 0 }) }),
  },
})

export type AlterUserScramCredentialsRequest = RequestOf<typeof alterUserScramCredentialsApi>
export type AlterUserScramCredentialsRequestInput = RequestInputOf<
  typeof alterUserScramCredentialsApi
>
export type AlterUserScramCredentialsResponse = ResponseOf<typeof alterUserScramCredentialsApi>
export type AlterUserScramCredentialsResponseInput = ResponseInputOf<
  typeof alterUserScramCredentialsApi
>

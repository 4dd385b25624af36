import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, int8, string, structs } from '../schema/fields.ts'

/**
 * DescribeUserScramCredentials (key 50), version 0: which SCRAM mechanisms users have, never the credentials (KIP-554).
 */
export const describeUserScramCredentialsApi = defineApi({
  key: 50,
  name: 'DescribeUserScramCredentials',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    /** null or empty: all users. */
    users: structs({ name: string() }, { nullable: 0 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullable: 0 }),
    results: structs({
      user: string(),
      errorCode: int16(),
      errorMessage: string({ nullable: 0 }),
      credentialInfos: structs({
        /** 1 SCRAM-SHA-256, 2 SCRAM-SHA-512. */
        mechanism: int8(),
        iterations: int32(),
      }),
    }),
  },
})

export type DescribeUserScramCredentialsRequest = RequestOf<typeof describeUserScramCredentialsApi>
export type DescribeUserScramCredentialsRequestInput = RequestInputOf<
  typeof describeUserScramCredentialsApi
>
export type DescribeUserScramCredentialsResponse = ResponseOf<
  typeof describeUserScramCredentialsApi
>
export type DescribeUserScramCredentialsResponseInput = ResponseInputOf<
  typeof describeUserScramCredentialsApi
>

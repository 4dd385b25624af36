import {
  describeUserScramCredentialsApi,
  errorCodes,
  type DescribeUserScramCredentialsRequest,
  type DescribeUserScramCredentialsResponseInput,
} from '@millrace/protocol'
import { scramHashes } from '../security/scram.ts'
import type { UserStore } from '../security/user-store.ts'
import { serve, type RequestContext } from './served-api.ts'

/** DescribeUserScramCredentials (key 50), version 0: which mechanisms users have and with how many iterations, never any key (KIP-554). */
export const describeUserScramCredentials = serve({
  api: describeUserScramCredentialsApi,
  versions: [0, 0],
  handle,
})

type Result = DescribeUserScramCredentialsResponseInput['results'][number]

function handle(
  { users: wanted }: DescribeUserScramCredentialsRequest,
  { broker }: RequestContext,
): DescribeUserScramCredentialsResponseInput {
  const { users } = broker.security
  const named = (wanted ?? []).map(({ name }) => name)
  const names = named.length === 0 ? users.names : [...new Set(named)]
  return {
    errorCode: errorCodes.NONE,
    errorMessage: null,
    results: names.map((name) =>
      named.indexOf(name) === named.lastIndexOf(name) ? describe(name, users) : twice(name),
    ),
  }
}

function describe(user: string, users: UserStore): Result {
  const credentials = users.credentials(user)
  if (credentials === undefined)
    return refuse(
      user,
      errorCodes.RESOURCE_NOT_FOUND,
      `Attempt to describe a user credential that does not exist: ${user}`,
    )
  return {
    user,
    errorCode: errorCodes.NONE,
    errorMessage: null,
    credentialInfos: [...credentials].map(([mechanism, { iterations }]) => ({
      mechanism: scramHashes[mechanism].type,
      iterations,
    })),
  }
}

function twice(user: string): Result {
  const text = `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`
  return refuse(user, errorCodes.DUPLICATE_RESOURCE, text)
}

function refuse(user: string, errorCode: number, errorMessage: string): Result {
  return { user, errorCode, errorMessage, credentialInfos: [] }
}

import {
  alterUserScramCredentialsApi,
  errorCodes,
  type AlterUserScramCredentialsRequest,
  type AlterUserScramCredentialsResponseInput,
} from '@millrace/protocol'
import { limits } from '../limits.ts'
import { credentialOf, scramHashes, scramMechanismOfType } from '../security/scram.ts'
import type { SecurityJournalRecord } from '../security/security-records.ts'
import { scramIterations, toRecord, type UserStore } from '../security/user-store.ts'
import { serve, type RequestContext } from './served-api.ts'

/**
 * AlterUserScramCredentials (key 51), version 0: sets and removes credentials, all of a user or none (KIP-554). The client salts the
 * password; what is kept are StoredKey and ServerKey. Sessions that are open go on. Users of the broker's options cannot be changed.
 */
export const alterUserScramCredentials = serve({
  api: alterUserScramCredentialsApi,
  versions: [0, 0],
  handle,
})

type Request = AlterUserScramCredentialsRequest
type Result = AlterUserScramCredentialsResponseInput['results'][number]
type Fault = Pick<Result, 'errorCode' | 'errorMessage'>

async function handle(
  request: Request,
  { broker: { security } }: RequestContext,
): Promise<AlterUserScramCredentialsResponseInput> {
  const changes: SecurityJournalRecord[] = []
  const names = new Set([...request.deletions, ...request.upsertions].map(({ name }) => name))
  const results = [...names].map((user): Result => {
    const own = ({ name }: { readonly name: string }): boolean => name === user
    const deletions = request.deletions.filter(own)
    const upsertions = request.upsertions.filter(own)
    const fault = faultOf(user, { deletions, upsertions }, security.users)
    if (fault !== undefined) return { user, ...fault }
    changes.push(...changesOf({ deletions, upsertions }))
    return { user, errorCode: errorCodes.NONE, errorMessage: null }
  })
  await security.change(changes)
  return { results }
}

function changesOf({ deletions, upsertions }: Request): SecurityJournalRecord[] {
  return [
    ...deletions.map(({ name, mechanism }) => ({
      type: 'scramUserDeleted' as const,
      name,
      mechanism: scramMechanismOfType(mechanism)!,
    })),
    ...upsertions.map(({ name, mechanism: type, saltedPassword, salt, iterations }) => {
      const mechanism = scramMechanismOfType(type)!
      return toRecord(
        name,
        mechanism,
        credentialOf(mechanism, saltedPassword, { salt, iterations }),
      )
    }),
  ]
}

function faultOf(user: string, request: Request, users: UserStore): Fault | undefined {
  const { deletions, upsertions } = request
  const { UNACCEPTABLE_CREDENTIAL, UNSUPPORTED_SASL_MECHANISM } = errorCodes
  if (user === '') return fault(UNACCEPTABLE_CREDENTIAL, 'Username must not be empty')
  if (users.isFixed(user))
    return fault(UNACCEPTABLE_CREDENTIAL, `User ${user} is set by the options of the broker`)
  const mechanisms = [...deletions, ...upsertions].map(({ mechanism }) => mechanism)
  if (mechanisms.some((type) => scramMechanismOfType(type) === undefined))
    return fault(UNSUPPORTED_SASL_MECHANISM, 'Unknown SCRAM mechanism')
  if (new Set(mechanisms).size < mechanisms.length)
    return fault(
      errorCodes.DUPLICATE_RESOURCE,
      'A user credential cannot be altered twice in the same request',
    )
  const has = (type: number): boolean =>
    users.credentials(user)?.has(scramMechanismOfType(type)!) ?? false
  if (deletions.some(({ mechanism }) => !has(mechanism)))
    return fault(
      errorCodes.RESOURCE_NOT_FOUND,
      'Attempt to delete a user credential that does not exist',
    )
  if (upsertions.length > 0 && users.credentials(user) === undefined)
    if (users.count >= limits.scramUsers)
      return fault(UNACCEPTABLE_CREDENTIAL, `There are ${limits.scramUsers} users already`)
  return upsertions.map(faultOfUpsertion).find((text) => text !== undefined)
}

function faultOfUpsertion(upsertion: Request['upsertions'][number]): Fault | undefined {
  const { iterations, salt, saltedPassword, mechanism } = upsertion
  const { bytes } = scramHashes[scramMechanismOfType(mechanism)!]
  const code = errorCodes.UNACCEPTABLE_CREDENTIAL
  if (iterations < scramIterations.least) return fault(code, 'Too few iterations')
  if (iterations > scramIterations.most) return fault(code, 'Too many iterations')
  if (salt.length === 0) return fault(code, 'The salt is empty')
  if (saltedPassword.length !== bytes)
    return fault(code, `The salted password has ${saltedPassword.length} bytes, not ${bytes}`)
  return undefined
}

function fault(errorCode: number, errorMessage: string): Fault {
  return { errorCode, errorMessage }
}

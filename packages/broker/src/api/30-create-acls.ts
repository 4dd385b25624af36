import {
  createAclsApi,
  errorCodes,
  type CreateAclsRequest,
  type CreateAclsResponseInput,
} from '@millrace/protocol'
import { limits } from '../limits.ts'
import { faultOfAcl, NO_AUTHORIZER } from '../security/acl-checks.ts'
import type { Acl } from '../security/acls.ts'
import { serve, type RequestContext } from './served-api.ts'

/**
 * CreateAcls (key 30), versions 1–3: adds access rules, each by itself; one that is there already is no error. They hold for the next
 * request of every connection, also of those that are open. SECURITY_DISABLED without authorization.
 */
export const createAcls = serve({ api: createAclsApi, versions: [1, 3], handle })

type Result = CreateAclsResponseInput['results'][number]

async function handle(
  { creations }: CreateAclsRequest,
  { broker: { security } }: RequestContext,
): Promise<CreateAclsResponseInput> {
  if (!security.hasAuthorization) {
    const result = { errorCode: errorCodes.SECURITY_DISABLED, errorMessage: NO_AUTHORIZER }
    return { results: creations.map(() => result) }
  }
  const added: Acl[] = []
  const results = creations.map((creation): Result => {
    const acl = {
      resourceType: creation.resourceType,
      resourceName: creation.resourceName,
      patternType: creation.resourcePatternType,
      principal: creation.principal,
      host: creation.host,
      operation: creation.operation,
      permission: creation.permissionType,
    }
    const errorMessage = faultOfAcl(acl)
    if (errorMessage !== undefined) return { errorCode: errorCodes.INVALID_REQUEST, errorMessage }
    if (security.acls.has(acl)) return done
    if (security.acls.count + added.length >= limits.acls) return tooMany
    added.push(acl)
    return done
  })
  await security.change(added.map((acl) => ({ type: 'acl', acl })))
  return { results }
}

const done: Result = { errorCode: errorCodes.NONE, errorMessage: null }
const tooMany: Result = {
  errorCode: errorCodes.INVALID_REQUEST,
  errorMessage: `There are ${limits.acls} access rules already, which is the most.`,
}

import {
  deleteAclsApi,
  errorCodes,
  type DeleteAclsRequest,
  type DeleteAclsResponseInput,
} from '@millrace/protocol'
import { faultOfFilter, NO_AUTHORIZER } from '../security/acl-checks.ts'
import type { Acl } from '../security/acls.ts'
import { serve, type RequestContext } from './served-api.ts'

/** DeleteAcls (key 31), versions 1–3: removes the access rules that filters match, and tells which. SECURITY_DISABLED without authorization. */
export const deleteAcls = serve({ api: deleteAclsApi, versions: [1, 3], handle })

type FilterResult = DeleteAclsResponseInput['filterResults'][number]

async function handle(
  { filters }: DeleteAclsRequest,
  { broker: { security } }: RequestContext,
): Promise<DeleteAclsResponseInput> {
  const refuse = (errorCode: number, errorMessage: string): FilterResult => ({
    errorCode,
    errorMessage,
    matchingAcls: [],
  })
  if (!security.hasAuthorization) {
    const result = refuse(errorCodes.SECURITY_DISABLED, NO_AUTHORIZER)
    return { filterResults: filters.map(() => result) }
  }
  const removed = new Set<Acl>()
  const filterResults = filters.map((wanted): FilterResult => {
    const filter = {
      resourceType: wanted.resourceTypeFilter,
      resourceName: wanted.resourceNameFilter,
      patternType: wanted.patternTypeFilter,
      principal: wanted.principalFilter,
      host: wanted.hostFilter,
      operation: wanted.operation,
      permission: wanted.permissionType,
    }
    const fault = faultOfFilter(filter)
    if (fault !== undefined) return refuse(errorCodes.INVALID_REQUEST, fault)
    const matching = security.acls.find(filter)
    for (const acl of matching) removed.add(acl)
    return { errorCode: errorCodes.NONE, errorMessage: null, matchingAcls: matching.map(answerOf) }
  })
  await security.change([...removed].map((acl) => ({ type: 'aclDeleted', acl })))
  return { filterResults }
}

function answerOf(acl: Acl): FilterResult['matchingAcls'][number] {
  return {
    errorCode: errorCodes.NONE,
    errorMessage: null,
    resourceType: acl.resourceType,
    resourceName: acl.resourceName,
    patternType: acl.patternType,
    principal: acl.principal,
    host: acl.host,
    operation: acl.operation,
    permissionType: acl.permission,
  }
}

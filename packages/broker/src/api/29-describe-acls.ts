import {
  describeAclsApi,
  errorCodes,
  type DescribeAclsRequest,
  type DescribeAclsResponseInput,
} from '@millrace/protocol'
import type { Acl } from '../security/acls.ts'
import { faultOfFilter, NO_AUTHORIZER } from '../security/acl-checks.ts'
import { serve, type RequestContext } from './served-api.ts'

/** DescribeAcls (key 29), versions 1–3: access rules, grouped by the resource they name. SECURITY_DISABLED without authorization. */
export const describeAcls = serve({ api: describeAclsApi, versions: [1, 3], handle })

function handle(
  request: DescribeAclsRequest,
  { broker: { security } }: RequestContext,
): DescribeAclsResponseInput {
  const refuse = (errorCode: number, errorMessage: string) => ({
    errorCode,
    errorMessage,
    resources: [],
  })
  if (!security.hasAuthorization) return refuse(errorCodes.SECURITY_DISABLED, NO_AUTHORIZER)
  const filter = {
    resourceType: request.resourceTypeFilter,
    resourceName: request.resourceNameFilter,
    patternType: request.patternTypeFilter,
    principal: request.principalFilter,
    host: request.hostFilter,
    operation: request.operation,
    permission: request.permissionType,
  }
  const fault = faultOfFilter(filter)
  if (fault !== undefined) return refuse(errorCodes.INVALID_REQUEST, fault)
  const byResource = Map.groupBy(security.acls.find(filter), resourceKey)
  return {
    errorCode: errorCodes.NONE,
    errorMessage: null,
    resources: [...byResource.values()].map((acls) => ({
      resourceType: acls[0]!.resourceType,
      resourceName: acls[0]!.resourceName,
      patternType: acls[0]!.patternType,
      acls: acls.map(({ principal, host, operation, permission }) => ({
        principal,
        host,
        operation,
        permissionType: permission,
      })),
    })),
  }
}

function resourceKey({ resourceType, patternType, resourceName }: Acl): string {
  return `${resourceType} ${patternType} ${resourceName}`
}

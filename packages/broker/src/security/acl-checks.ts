import {
  CLUSTER_NAME,
  aclOperations,
  aclPermissions,
  patternTypes,
  resourceTypes,
  type Acl,
  type AclFilter,
} from './acls.ts'

/** Kafka's text for it. */
export const NO_AUTHORIZER = 'No Authorizer is configured.'

/** `Type:name`; Kafka knows no type but User. */
export function isPrincipal(text: string): boolean {
  return /^[^:]+:./s.test(text)
}

/** @returns why a rule cannot be added, much as Kafka's controller would say (AclControlManager.validateNewAcl) */
export function faultOfAcl(acl: Acl): string | undefined {
  if (!isNamed(acl.resourceType, resourceTypes)) return 'Invalid resourceType.'
  if (acl.patternType !== patternTypes.LITERAL && acl.patternType !== patternTypes.PREFIXED)
    return 'Invalid patternType.'
  if (!isNamed(acl.operation, aclOperations)) return 'Invalid operation.'
  if (!isNamed(acl.permission, aclPermissions)) return 'Invalid permissionType.'
  if (acl.resourceName === '') return 'Resource name should not be empty.'
  if (acl.resourceType === resourceTypes.CLUSTER && acl.resourceName !== CLUSTER_NAME)
    return `The only valid name for the CLUSTER resource is ${CLUSTER_NAME}.`
  if (!isPrincipal(acl.principal))
    return `Could not parse principal from "${acl.principal}": it is not of the form User:name.`
  if (acl.host === '') return 'Host should not be empty.'
  return undefined
}

/** @returns why a filter cannot be used: a kind that nobody here knows would silently match nothing */
export function faultOfFilter(filter: AclFilter): string | undefined {
  const parts: readonly (readonly [number, Readonly<Record<string, number>>])[] = [
    [filter.resourceType, resourceTypes],
    [filter.patternType, patternTypes],
    [filter.operation, aclOperations],
    [filter.permission, aclPermissions],
  ]
  return parts.every(([number, names]) => Object.values(names).includes(number))
    ? undefined
    : 'The AclBindingFilter must not contain UNKNOWN elements.'
}

/** Not a number from elsewhere, and not ANY. */
function isNamed(number: number, names: Readonly<Record<string, number>>): boolean {
  return number !== names['ANY'] && Object.values(names).includes(number)
}

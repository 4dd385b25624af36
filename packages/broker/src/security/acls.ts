/** Kafka's numbers on the wire (ResourceType, AclOperation, AclPermissionType, PatternType). */
export const resourceTypes = {
  ANY: 1,
  TOPIC: 2,
  GROUP: 3,
  CLUSTER: 4,
  TRANSACTIONAL_ID: 5,
  DELEGATION_TOKEN: 6,
  USER: 7,
} as const
export const aclOperations = {
  ANY: 1,
  ALL: 2,
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
  CREATE_TOKENS: 13,
  DESCRIBE_TOKENS: 14,
  TWO_PHASE_COMMIT: 15,
} as const
export const aclPermissions = { ANY: 1, DENY: 2, ALLOW: 3 } as const
export const patternTypes = { ANY: 1, MATCH: 2, LITERAL: 3, PREFIXED: 4 } as const

/** The one resource of type CLUSTER. */
export const CLUSTER_NAME = 'kafka-cluster'
const WILDCARD = '*'
const ANY_PRINCIPAL = 'User:*'

/** One access rule, in the numbers of the wire. */
export interface Acl {
  readonly resourceType: number
  readonly resourceName: string
  readonly patternType: number
  /** `User:name`, or `User:*` for everyone. */
  readonly principal: string
  /** An address, or `*`. */
  readonly host: string
  readonly operation: number
  readonly permission: number
}

/** An access rule is added or removed. */
export interface AclRecord {
  readonly type: 'acl' | 'aclDeleted'
  readonly acl: Acl
}

/** Which rules are meant: null and the numbers called ANY match all. */
export interface AclFilter {
  readonly resourceType: number
  readonly resourceName: string | null
  readonly patternType: number
  readonly principal: string | null
  readonly host: string | null
  readonly operation: number
  readonly permission: number
}

/** Who asks, from where. */
export interface Requester {
  readonly principal: string
  readonly host: string
}

const { READ, WRITE, DELETE, ALTER, DESCRIBE, ALTER_CONFIGS, DESCRIBE_CONFIGS, ALL, ANY } =
  aclOperations

/** What a right to something else allows as well; refusals imply nothing. */
const impliedBy: Readonly<Record<number, readonly number[]>> = {
  [DESCRIBE]: [READ, WRITE, DELETE, ALTER],
  [DESCRIBE_CONFIGS]: [ALTER_CONFIGS],
}

/**
 * The access rules, found by the resource they name (as Kafka's StandardAuthorizer decides): a rule that denies beats all that allow, and
 * without any that allows the answer is no.
 */
export class AclStore {
  /** By type, kind of pattern and name; each list without doubles. */
  readonly #acls = new Map<string, Acl[]>()
  /** Lengths of the prefixes there are, by type: names are cut at these alone. */
  readonly #prefixes = new Map<number, Map<number, number>>()
  #count = 0

  get count(): number {
    return this.#count
  }

  has(acl: Acl): boolean {
    return this.#acls.get(keyOf(acl))?.some((other) => isSame(acl, other)) ?? false
  }

  /** Whether this requester may do this with the resource. */
  isAllowed(
    { principal, host }: Requester,
    operation: number,
    resourceType: number,
    name: string,
  ): boolean {
    let isAllowed = false
    for (const acl of this.#covering(resourceType, name)) {
      if (!isMeant(acl, principal, host)) continue
      if (acl.permission === aclPermissions.DENY) {
        if (acl.operation === operation || acl.operation === ALL) return false
      } else if (allows(acl, operation)) isAllowed = true
    }
    return isAllowed
  }

  /** Whether there may be any resource of the type that the requester may do this with (KIP-679's authorizeByResourceType). */
  isAllowedOnAny(requester: Requester, operation: number, resourceType: number): boolean {
    for (const acl of this.#all()) {
      if (acl.resourceType !== resourceType || acl.permission === aclPermissions.DENY) continue
      if (!isMeant(acl, requester.principal, requester.host) || !allows(acl, operation)) continue
      if (!this.#isDeniedWholly(acl, requester, operation)) return true
    }
    return false
  }

  find(filter: AclFilter): Acl[] {
    return [...this.#all()].filter((acl) => passes(acl, filter))
  }

  replay({ type, acl }: AclRecord): void {
    if (type === 'acl') this.#add(acl)
    else this.#remove(acl)
  }

  *snapshot(): Generator<AclRecord> {
    for (const acl of this.#all()) yield { type: 'acl', acl }
  }

  #add(acl: Acl): void {
    if (this.has(acl)) return
    const key = keyOf(acl)
    const list = this.#acls.get(key)
    if (list === undefined) this.#acls.set(key, [acl])
    else list.push(acl)
    this.#count++
    if (acl.patternType === patternTypes.PREFIXED) this.#countPrefix(acl, 1)
  }

  #remove(acl: Acl): void {
    const key = keyOf(acl)
    const list = this.#acls.get(key) ?? []
    const at = list.findIndex((other) => isSame(acl, other))
    if (at === -1) return
    list.splice(at, 1)
    if (list.length === 0) this.#acls.delete(key)
    this.#count--
    if (acl.patternType === patternTypes.PREFIXED) this.#countPrefix(acl, -1)
  }

  #countPrefix({ resourceType, resourceName: { length } }: Acl, change: number): void {
    const lengths = this.#prefixes.get(resourceType) ?? new Map<number, number>()
    this.#prefixes.set(resourceType, lengths)
    const count = (lengths.get(length) ?? 0) + change
    if (count === 0) lengths.delete(length)
    else lengths.set(length, count)
  }

  *#all(): Generator<Acl> {
    for (const list of this.#acls.values()) yield* list
  }

  *#covering(resourceType: number, name: string): Generator<Acl> {
    yield* this.#named(resourceType, patternTypes.LITERAL, name)
    if (name !== WILDCARD) yield* this.#named(resourceType, patternTypes.LITERAL, WILDCARD)
    for (const length of this.#prefixes.get(resourceType)?.keys() ?? [])
      if (length <= name.length)
        yield* this.#named(resourceType, patternTypes.PREFIXED, name.slice(0, length))
  }

  #named(resourceType: number, patternType: number, resourceName: string): readonly Acl[] {
    return this.#acls.get(keyOf({ resourceType, patternType, resourceName })) ?? []
  }

  /** Whether whatever this rule allows is denied by another. */
  #isDeniedWholly(acl: Acl, { principal, host }: Requester, operation: number): boolean {
    const isPrefix = acl.patternType === patternTypes.PREFIXED
    const isWildcard = !isPrefix && acl.resourceName === WILDCARD
    const others = isWildcard
      ? this.#named(acl.resourceType, patternTypes.LITERAL, WILDCARD)
      : this.#covering(acl.resourceType, acl.resourceName)
    for (const other of others) {
      // A literal name that happens to be the prefix denies that one resource only.
      const isNarrower =
        isPrefix && other.patternType === patternTypes.LITERAL && other.resourceName !== WILDCARD
      if (isNarrower || other.permission !== aclPermissions.DENY) continue
      const isOperation = other.operation === operation || other.operation === ALL
      if (isOperation && isMeant(other, principal, host)) return true
    }
    return false
  }
}

function keyOf({
  resourceType,
  patternType,
  resourceName,
}: Pick<Acl, 'resourceType' | 'patternType' | 'resourceName'>): string {
  return `${resourceType} ${patternType} ${resourceName}`
}

function isSame(one: Acl, other: Acl): boolean {
  return (
    one.principal === other.principal &&
    one.host === other.host &&
    one.operation === other.operation &&
    one.permission === other.permission
  )
}

function isMeant(acl: Acl, principal: string, host: string): boolean {
  return (
    (acl.principal === principal || acl.principal === ANY_PRINCIPAL) &&
    (acl.host === host || acl.host === WILDCARD)
  )
}

function allows({ operation: allowed }: Acl, operation: number): boolean {
  return (
    allowed === operation || allowed === ALL || (impliedBy[operation]?.includes(allowed) ?? false)
  )
}

function passes(acl: Acl, filter: AclFilter): boolean {
  return (
    (filter.resourceType === resourceTypes.ANY || filter.resourceType === acl.resourceType) &&
    passesPattern(acl, filter) &&
    (filter.principal === null || filter.principal === acl.principal) &&
    (filter.host === null || filter.host === acl.host) &&
    (filter.operation === ANY || filter.operation === acl.operation) &&
    (filter.permission === aclPermissions.ANY || filter.permission === acl.permission)
  )
}

/** KIP-290: MATCH finds all rules that decide about the name, the wildcard's and prefixes' too. */
function passesPattern(acl: Acl, { patternType, resourceName }: AclFilter): boolean {
  const { MATCH, LITERAL, PREFIXED } = patternTypes
  if (patternType === LITERAL || patternType === PREFIXED)
    if (acl.patternType !== patternType) return false
  if (resourceName === null) return true
  if (patternType !== MATCH) return acl.resourceName === resourceName
  return acl.patternType === PREFIXED
    ? resourceName.startsWith(acl.resourceName)
    : acl.resourceName === resourceName || acl.resourceName === WILDCARD
}

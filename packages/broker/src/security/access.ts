import { CLUSTER_NAME, resourceTypes, type AclStore, type Requester } from './acls.ts'

/** What one client may do: the one question that every API asks. */
export class Access {
  readonly #acls: AclStore
  readonly #requester: Requester
  readonly #isSuperUser: boolean

  constructor(acls: AclStore, requester: Requester, superUsers: ReadonlySet<string>) {
    this.#acls = acls
    this.#requester = requester
    this.#isSuperUser = superUsers.has(requester.principal)
  }

  /** @param operation of `aclOperations` @param resourceType of `resourceTypes` */
  may(operation: number, resourceType: number, name: string): boolean {
    return this.#isSuperUser || this.#acls.isAllowed(this.#requester, operation, resourceType, name)
  }

  mayOnCluster(operation: number): boolean {
    return this.may(operation, resourceTypes.CLUSTER, CLUSTER_NAME)
  }

  /** Whether there may be a resource of the type that it holds for. */
  mayOnAny(operation: number, resourceType: number): boolean {
    return this.#isSuperUser || this.#acls.isAllowedOnAny(this.#requester, operation, resourceType)
  }
}

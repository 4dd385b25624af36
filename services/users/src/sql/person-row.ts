/** Somebody as routes and events tell of them: without password. */
export interface PersonRow {
  readonly id: string
  readonly name: string
  readonly email: string | null
  readonly roles: readonly ('customer' | 'staff' | 'admin')[]
  readonly country: string | null
  readonly createdAt: Date
  readonly isRemoved: boolean
  readonly version: bigint
}

export const personColumns = `
      id, name, email, roles, country, created_at as "createdAt", deleted_at is not null as "isRemoved", version`

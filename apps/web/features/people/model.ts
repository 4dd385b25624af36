export const userRoles = ['customer', 'staff', 'admin'] as const
export type UserRole = (typeof userRoles)[number]

/** Somebody as the users service tells of them. */
export interface Profile {
  readonly id: string
  readonly name: string
  /** Null: of an import or the demo, so there is no way to sign in. */
  readonly email: string | null
  readonly roles: readonly UserRole[]
  readonly country: string | null
  readonly createdAtMs: number
}

export interface PeoplePage {
  readonly items: readonly Profile[]
  readonly nextCursor: string | null
}

/** What the address says of the list. */
export interface PeopleSearch {
  readonly q?: string | undefined
  readonly role?: string | undefined
}

export interface ProfileChange {
  readonly name?: string
  readonly country?: string | null
  readonly roles?: readonly UserRole[]
}

/** One sign-in and what followed from it. */
export interface Session {
  readonly id: string
  readonly createdAtMs: number
  readonly usedAtMs: number
  /** When it ends unless it is used before. */
  readonly expiresAtMs: number
  readonly endedAtMs: number | null
  readonly endedBecause: string | null
}

/** The newest event about a person, by which their journey is found. */
export interface LastEvent {
  readonly eventType: string
  readonly atMs: number
  readonly journeyId: string
}

/** Who acts: somebody who signed in, or, in development, a demo person of the gateway. */
export interface Person {
  readonly id: string
  readonly name: string
  /** What the person is, in a word; null when the gateway does not say. */
  readonly role: string | null
  readonly roles: readonly string[]
  /** True for who did not sign in. */
  readonly isDemo: boolean
}

/** May see everybody's profile and orders. */
export function isStaff(person: Pick<Person, 'roles'> | undefined): boolean {
  return person?.roles.some((role) => role === 'staff' || role === 'admin') ?? false
}

/** Also manages people. */
export function isAdmin(person: Pick<Person, 'roles'> | undefined): boolean {
  return person?.roles.includes('admin') ?? false
}

/** Initials for the round mark of a person. */
export function initialsOf(name: string): string {
  const words = name.split(/[\s._-]+/).filter((word) => word !== '')
  const letters = words.length > 1 ? words.slice(0, 2).map((word) => word[0]) : [name.slice(0, 2)]
  return letters.join('').toUpperCase()
}

/** Bounds of the forms, in characters; the service's own are the ones that count. */
export const personLimits = { name: 200, email: 254, password: 400, country: 100 } as const

/** What is asked of a password, before anything was typed. */
export const passwordHint =
  'At least 10 characters, 5 of them different; some words are best. No capitals or signs needed.'

/**
 * Where to go after a sign-in: a path of this app, whatever the address says.
 * @param back from the address, so it may be anything
 */
export function safeBack(back: string | undefined): string {
  return back !== undefined && /^\/(?![/\\])/.test(back) ? back : '/'
}

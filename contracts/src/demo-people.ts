import type { Static } from 'typebox'
import type { UserRoleSchema } from './user-events.ts'

/** Somebody who is there from the first minute in development, without password. */
export interface DemoPerson {
  readonly userId: string
  readonly name: string
  /** What the person is in the sample data. */
  readonly role: string
  readonly roles: readonly Static<typeof UserRoleSchema>[]
}

/** Who may be acted as in development; production begins with nobody. */
export const demoPeople: readonly DemoPerson[] = [
  { userId: 'ada', name: 'Ada', role: 'Student', roles: ['customer'] },
  { userId: 'grace', name: 'Grace', role: 'Lecturer', roles: ['customer', 'staff'] },
  { userId: 'alan', name: 'Alan', role: 'Student', roles: ['customer'] },
  { userId: 'katherine', name: 'Katherine', role: 'Tutor', roles: ['customer', 'staff'] },
  { userId: 'edsger', name: 'Edsger', role: 'Student', roles: ['customer'] },
  {
    userId: 'barbara',
    name: 'Barbara',
    role: 'Course lead',
    roles: ['customer', 'staff', 'admin'],
  },
]

/** Names any number of further people for scripts and load tests, such as `demo-17`; customers all. */
export const scriptedUserPattern = /^demo-[a-z0-9-]{1,60}$/

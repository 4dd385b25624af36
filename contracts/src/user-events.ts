import { defineEvent } from '@millrace/events'
import { Type } from 'typebox'
import { userEventsTopic } from './topics.ts'

/** What somebody may do: `customer` orders, `staff` keeps catalogue and stock, `admin` also manages people. */
export const UserRoleSchema = Type.Union([
  Type.Literal('customer'),
  Type.Literal('staff'),
  Type.Literal('admin'),
])

const profile = {
  userId: Type.String({ minLength: 1, maxLength: 100 }),
  name: Type.String({ minLength: 1, maxLength: 200 }),
  /** Null for people of an import. Masked in views. */
  email: Type.Union([Type.String({ maxLength: 254, secret: true }), Type.Null()]),
  roles: Type.Array(UserRoleSchema),
  /** Where the person is, as the source says; null when not known. */
  country: Type.Union([Type.String({ maxLength: 100 }), Type.Null()]),
}

const user = { aggregateType: 'user', topic: userEventsTopic.name, version: 1 } as const

export const userCreated = defineEvent({
  ...user,
  eventType: 'USER_CREATED',
  description: 'Somebody registered, or came with an import.',
  data: Type.Object(profile),
})

export const userUpdated = defineEvent({
  ...user,
  eventType: 'USER_UPDATED',
  description: 'Profile or roles changed; the event carries the whole profile after the change.',
  data: Type.Object(profile),
})

export const userDeleted = defineEvent({
  ...user,
  eventType: 'USER_DELETED',
  description: 'The account was removed; what it ordered stays.',
  data: Type.Object({ userId: profile.userId }),
})

/** All events on `user-events`, keyed by user. */
export const userEvents = [userCreated, userUpdated, userDeleted] as const

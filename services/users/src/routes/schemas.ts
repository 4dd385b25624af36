import { UserRoleSchema } from '@millrace/contracts'
import { Type } from 'typebox'
import { limits } from '../domain/limits.ts'

const exact = { additionalProperties: false } as const

/** What holds something beside white space. */
const text = (maxLength: number) => Type.String({ maxLength, pattern: '\\S' })
const Id = text(limits.idLength)
const Name = text(limits.nameLength)
const Country = Type.Union([text(limits.countryLength), Type.Null()])
const Email = Type.String({
  minLength: 3,
  maxLength: limits.emailLength,
  pattern: '^[^\\s@]+@[^\\s@]+$',
  examples: ['ada@example.org'],
})
/** Its rules are checked, and told, apart; twice the length because some characters fall together. */
const Password = Type.String({ minLength: 1, maxLength: 2 * limits.passwordMaxLength })

export const PersonParams = Type.Object({ id: Id })

export const PersonSchema = Type.Object({
  id: Type.String(),
  name: Type.String(),
  email: Type.Union([Type.String(), Type.Null()]),
  roles: Type.Array(UserRoleSchema),
  country: Type.Union([Type.String(), Type.Null()]),
  createdAt: Type.String({ description: 'ISO 8601, UTC' }),
})

export const PeoplePageSchema = Type.Object({
  items: Type.Array(PersonSchema),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
})

/** What came with a request of each. */
const Identity = Type.Object(
  {
    'x-identity': Type.Optional(Type.String()),
    'x-user-id': Type.Optional(Type.String()),
    'x-user-roles': Type.Optional(Type.String()),
  },
  exact,
)

export const KnownBody = Type.Object(
  { callers: Type.Array(Identity, { minItems: 1, maxItems: limits.knownCallers }) },
  exact,
)

export const KnownAnswer = Type.Object({
  callers: Type.Array(
    Type.Union([Type.Literal('known'), Type.Literal('unknown'), Type.Literal('refused')]),
  ),
})

export const RegisterBody = Type.Object(
  { name: Name, email: Email, password: Password, country: Type.Optional(Country) },
  exact,
)

export const ChangeBody = Type.Object(
  {
    name: Type.Optional(Name),
    country: Type.Optional(Country),
    roles: Type.Optional(
      Type.Array(UserRoleSchema, { maxItems: 3, uniqueItems: true, description: 'By admins' }),
    ),
  },
  { ...exact, description: 'What is left out stays' },
)

export const PasswordBody = Type.Object({ currentPassword: Password, newPassword: Password }, exact)

export const ListQuery = Type.Object(
  {
    search: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        description: 'Part of name, e-mail address or id',
      }),
    ),
    role: Type.Optional(UserRoleSchema),
    cursor: Type.Optional(
      Type.String({ minLength: 1, maxLength: 600, description: 'nextCursor of the page before' }),
    ),
    limit: Type.Integer({ minimum: 1, maximum: limits.pageSize, default: 20 }),
  },
  exact,
)

export const ImportBody = Type.Object(
  {
    users: Type.Array(Type.Object({ id: Id, name: Name, country: Type.Optional(Country) }, exact), {
      minItems: 1,
      maxItems: limits.importUsers,
    }),
  },
  exact,
)

export const ImportResult = Type.Object({
  results: Type.Array(
    Type.Object({
      id: Type.String(),
      result: Type.Union([Type.Literal('created'), Type.Literal('exists')]),
    }),
  ),
})

export const SignInBody = Type.Object({ email: Email, password: Password }, exact)
export const RefreshBody = Type.Object(
  { refreshToken: Type.String({ minLength: 1, maxLength: 200 }) },
  exact,
)

export const TokensSchema = Type.Object({
  userId: Type.String(),
  accessToken: Type.String({ description: 'For Authorization: Bearer' }),
  tokenType: Type.Literal('Bearer'),
  expiresInSeconds: Type.Integer(),
  refreshToken: Type.String({ description: 'Good once; using it twice ends the session' }),
  refreshExpiresInSeconds: Type.Integer(),
})

export const SessionsSchema = Type.Object({
  items: Type.Array(
    Type.Object({
      id: Type.String(),
      createdAt: Type.String({ description: 'Of the sign-in; ISO 8601, UTC' }),
      usedAt: Type.String({ description: 'When tokens were given out last' }),
      expiresAt: Type.String({ description: 'When it ends unless it is used before' }),
      endedAt: Type.Union([Type.String(), Type.Null()]),
      endedBecause: Type.Union([Type.String(), Type.Null()]),
    }),
    { description: 'Newest first, at most 50; ended ones too' },
  ),
})

export const JwksSchema = Type.Object({
  keys: Type.Array(
    Type.Object({
      kty: Type.String(),
      crv: Type.String(),
      x: Type.String(),
      kid: Type.String(),
      use: Type.String(),
      alg: Type.String(),
    }),
  ),
})

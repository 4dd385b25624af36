import { accessToken } from '@millrace/contracts'
import {
  createSigningKey,
  publicJwkOf,
  signJwt,
  type NewJwt,
  type SigningKey,
} from '@millrace/runtime'
import { startUpstream, type Upstream } from './upstream.ts'

/** Stands in for users: one account, tokens signed by its key, its JWKS. */
export interface UsersDouble extends AsyncDisposable {
  readonly upstream: Upstream
  readonly key: SigningKey
  /** An access token of grace, good for ten minutes, or as told. */
  token(changes?: Partial<NewJwt>, key?: SigningKey): string
}

export const account = { email: 'grace@example.org', password: 'a compiler is born' }

export async function startUsersDouble(port = 0): Promise<UsersDouble> {
  const key = createSigningKey()
  const token: UsersDouble['token'] = (changes = {}, by = key) =>
    signJwt(by, {
      ...accessToken,
      subject: 'grace',
      nowMs: Date.now(),
      ttlMs: 600_000,
      claims: { name: 'Grace Hopper', roles: ['customer', 'staff'] },
      ...changes,
    })
  let issued = 0
  const upstream = await startUpstream(
    (request, response, body) => {
      const sent = JSON.parse(body.toString() || '{}') as Record<string, unknown>
      const answer = (status: number, value: unknown): void => {
        response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '7' })
        response.end(JSON.stringify(value))
      }
      const refused = { code: 'MR_USERS_REFUSED', detail: 'That is not how it goes.' }
      const tokens = {
        userId: 'grace',
        accessToken: token(),
        tokenType: 'Bearer',
        expiresInSeconds: 600,
        refreshToken: `refresh-${++issued}`,
        refreshExpiresInSeconds: 86_400,
      }
      if (request.url === '/api/sessions/jwks')
        return answer(200, { keys: [publicJwkOf(key.privateKey)] })
      if (request.url === '/api/sessions')
        return sent['password'] === account.password ? answer(201, tokens) : answer(429, refused)
      if (request.url === '/api/sessions/refresh')
        return String(sent['refreshToken']).startsWith('refresh-')
          ? answer(200, tokens)
          : answer(401, refused)
      if (request.url === '/api/sessions/end') return void response.writeHead(204).end()
      answer(200, {})
    },
    { port },
  )
  return { upstream, key, token, [Symbol.asyncDispose]: () => upstream.kill() }
}

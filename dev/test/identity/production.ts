import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { silentLogger, systemClock, type Clock } from '@millrace/core'
import { discussionAnalyticsService } from '@millrace/discussion-analytics'
import { discussionsService } from '@millrace/discussions'
import { testDatabase } from '@millrace/embedded/testing'
import { gatewayService } from '@millrace/gateway'
import { createSigningKey, publicJwkOf, startService } from '@millrace/runtime'
import { trackingService } from '@millrace/tracking'
import { usersService } from '@millrace/users'

export const accessTtlMs = 600_000

/** Who may do everything from the start. */
export const admin = { email: 'admin@example.org', password: 'Notes by the translator' } as const

/** Users, discussions, their figures and tracking behind a gateway, all in production mode, with one wall clock that the test moves. */
export async function startProduction() {
  await using stack = new AsyncDisposableStack()
  let nowMs = Date.now()
  const clock: Clock = { ...systemClock, now: () => nowMs }
  // Given, so that services may start before the gateway whose key they check by.
  const key = createSigningKey()
  const keyUrl = await serveKeys(stack, [publicJwkOf(key.privateKey)])
  const ofService = async () => ({
    mode: 'production' as const,
    databaseUrl: stack.use(await testDatabase()).url,
    port: 0,
    kafkaEnabled: false,
    identityJwksUrls: [keyUrl],
  })
  const parts = { logger: silentLogger, clock }
  const ofUsers = await ofService()
  const users = stack.use(
    await startService(usersService, {
      ...parts,
      overrides: {
        ...ofUsers,
        scryptLogN: 10,
        accessTtlMs,
        adminEmail: admin.email,
        adminPassword: admin.password,
      },
    }),
  )
  const discussions = stack.use(
    await startService(discussionsService, { ...parts, overrides: await ofService() }),
  )
  const ofAnalytics = await ofService()
  const analytics = stack.use(
    await startService(discussionAnalyticsService, { ...parts, overrides: ofAnalytics }),
  )
  const databases = [`users=${ofUsers.databaseUrl}`]
  const tracking = stack.use(
    await startService(trackingService, {
      ...parts,
      // A busy machine is no database that is away.
      overrides: { ...(await ofService()), databases, sourceTimeoutMs: 30_000 },
    }),
  )
  await Promise.all([users.ready, discussions.ready, analytics.ready, tracking.ready])
  const gateway = stack.use(
    await startService(gatewayService, {
      ...parts,
      env: {
        MILLRACE_MODE: 'production',
        PORT: '0',
        USERS_URL: users.url,
        DISCUSSIONS_URL: discussions.url,
        DISCUSSION_ANALYTICS_URL: analytics.url,
        TRACKING_URL: tracking.url,
        IDENTITY_SIGNING_KEY: key.privateKey
          .export({ type: 'pkcs8', format: 'der' })
          .toString('base64'),
      },
    }),
  )
  const call = async (
    method: string,
    path: string,
    options: { readonly token?: unknown; readonly cookie?: string; readonly body?: unknown } = {},
  ) => {
    const { token, cookie, body } = options
    const response = await fetch(`${path.startsWith('http') ? '' : gateway.url}${path}`, {
      method,
      headers: {
        // What a client says of itself must count for nothing.
        'x-user-id': 'root',
        'x-user-roles': 'admin',
        ...(token === undefined ? {} : { authorization: `Bearer ${token as string}` }),
        ...(cookie === undefined ? {} : { cookie }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      body: (text === '' ? {} : JSON.parse(text)) as Readonly<Record<string, unknown>>,
      cookie: response.headers
        .getSetCookie()
        .map((one) => one.split(';')[0] ?? '')
        .join('; '),
    }
  }
  const all = stack.move()
  return {
    call,
    gateway,
    users,
    discussions,
    analyticsDatabaseUrl: ofAnalytics.databaseUrl,
    advance: (ms: number) => {
      nowMs += ms
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** Its own server, so that the key can be read before the gateway runs. */
async function serveKeys(stack: AsyncDisposableStack, keys: readonly unknown[]): Promise<string> {
  const server = createServer((_request, response) => void response.end(JSON.stringify({ keys })))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  stack.defer(async () => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`
}

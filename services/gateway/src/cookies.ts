import type { FastifyReply, FastifyRequest } from '@millrace/runtime'

export interface CookieOptions {
  /** Seconds; 0 takes the cookie away. */
  readonly maxAgeS: number
  readonly path: string
  readonly sameSite: 'Lax' | 'Strict'
  /** Over TLS alone (and on localhost). */
  readonly isSecure: boolean
}

export function cookieOf(request: FastifyRequest, name: string): string | undefined {
  const pattern = new RegExp(`(?:^|;\\s*)${name}=([^;]*)`)
  return pattern.exec(request.headers.cookie ?? '')?.[1]?.trim()
}

/** Sets a cookie that scripts of pages cannot read. @param value of characters that need no quoting */
export function setCookie(
  reply: FastifyReply,
  name: string,
  value: string,
  { maxAgeS, path, sameSite, isSecure }: CookieOptions,
): void {
  const secure = isSecure ? '; Secure' : ''
  // Fastify adds to `set-cookie` and does not replace it.
  void reply.header(
    'set-cookie',
    `${name}=${value}; Path=${path}; HttpOnly; SameSite=${sameSite}; Max-Age=${maxAgeS}${secure}`,
  )
}

/** What an access token, a JWT that users signs and the gateway checks, says of itself; its keys: `GET /api/sessions/jwks` of users. */
export const accessToken = {
  /** RFC 9068. */
  type: 'at+jwt',
  issuer: 'millrace-users',
  audience: 'millrace',
} as const

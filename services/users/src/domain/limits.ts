/** Bounds of what may be sent, in characters (Unicode code points) unless said otherwise. The tables' checks say the same. */
export const limits = {
  idLength: 100,
  nameLength: 200,
  emailLength: 254,
  countryLength: 100,
  passwordMinLength: 10,
  passwordMaxLength: 200,
  pageSize: 100,
  /** Callers of one look-up. */
  knownCallers: 200,
  /** Their headers: Node takes 16 KiB of a request. */
  knownBodyBytes: 200 * 20 * 1024,
  importUsers: 500,
  importBodyBytes: 1024 * 1024,
} as const

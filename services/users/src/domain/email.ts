/**
 * The spelling by which equal addresses are found: composed, in lower case. Nothing more is taken as equal, since what dots and pluses mean is
 * for each provider of mail to say.
 */
export function emailKeyOf(email: string): string {
  return email.trim().normalize('NFKC').toLowerCase()
}

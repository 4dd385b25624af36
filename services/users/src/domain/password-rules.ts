import { emailKeyOf } from './email.ts'
import { limits } from './limits.ts'

/** Passwords that are tried first by whoever guesses, at least ten characters long; shorter ones are refused anyway. */
const tooCommon: ReadonlySet<string> = new Set([
  'password12',
  'password123',
  'password1234',
  'password12345',
  'passwordpassword',
  'mypassword1',
  '1234567890',
  '0123456789',
  '0987654321',
  '9876543210',
  '12345678910',
  '123456789012',
  '1q2w3e4r5t',
  '1q2w3e4r5t6y',
  'qwertyuiop',
  'qwertyuiop1',
  'qwerty12345',
  'qwerty123456',
  'qwertz12345',
  'asdfghjkl1',
  'zxcvbnm123',
  'iloveyou12',
  'iloveyou123',
  'iloveyou1234',
  'letmein123',
  'letmein1234',
  'welcome123',
  'welcome1234',
  'admin12345',
  'admin123456',
  'administrator',
  'changeme123',
  'changemenow',
  'monkey12345',
  'dragon12345',
  'football123',
  'baseball123',
  'superman123',
  'princess123',
  'sunshine123',
  'trustno1234',
  'abcdefghij',
  'abcdefghijk',
  'abcd123456',
  'abc1234567',
  'abcdef12345',
  'a123456789',
  '123456789a',
  '1qaz2wsx3edc',
  'q1w2e3r4t5',
  'p@ssw0rd123',
  'passw0rd123',
  'pa$$word123',
  'secret12345',
  'test123456',
])

/** The form in which passwords are compared: one that looks the same on two keyboards is the same (RFC 8265 would say OpaqueString). */
export function normalizedPassword(password: string): string {
  return password.normalize('NFKC')
}

/**
 * Why a password may not be taken; undefined when it may. Length is what protects (NIST SP 800-63B 5.1.1.2): no classes of characters are asked for.
 * @param person what a guesser would try first for this person
 */
export function passwordFault(
  password: string,
  person: { readonly name: string; readonly email: string | null },
): string | undefined {
  const text = normalizedPassword(password)
  const length = Array.from(text).length
  if (length < limits.passwordMinLength)
    return `must have at least ${limits.passwordMinLength} characters`
  if (length > limits.passwordMaxLength)
    return `must have at most ${limits.passwordMaxLength} characters`
  const folded = text.toLowerCase().trim()
  if (new Set(folded).size < 5) return 'must have at least 5 different characters'
  if (tooCommon.has(folded)) return 'is one that is guessed first'
  if (isNamedAfter(folded, person)) return 'must not be the name or the e-mail address'
  return undefined
}

function isNamedAfter(
  folded: string,
  { name, email }: { readonly name: string; readonly email: string | null },
): boolean {
  const key = email === null ? '' : emailKeyOf(email)
  const own = [
    key,
    key.split('@')[0] ?? '',
    name.toLowerCase(),
    name.toLowerCase().replaceAll(/\s/gu, ''),
  ]
  // Digits at the end are what people add when they are told that it is too short.
  const stem = folded.replace(/[\d\s!.]+$/u, '')
  return own.some((text) => text !== '' && (folded === text || stem === text))
}

import { DevError } from './errors.ts'

/**
 * The admin whom the environment names for an empty platform; undefined when it names none. The rules are those of the users service, told here in one
 * sentence before anything starts.
 * @throws DevError `MR_DEV_BAD_OPTION`
 */
export function firstAdminEmail(
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const { FIRST_ADMIN_EMAIL: email, FIRST_ADMIN_PASSWORD: password } = environment
  if (!email && !password) return undefined
  if (!email || !password) {
    const [given, missing] = email
      ? ['FIRST_ADMIN_EMAIL', 'FIRST_ADMIN_PASSWORD']
      : ['FIRST_ADMIN_PASSWORD', 'FIRST_ADMIN_EMAIL']
    throw new DevError(
      'MR_DEV_BAD_OPTION',
      `${given} is set and ${missing} is not. The first admin needs both; nothing was started.`,
    )
  }
  if (!/^[^\s@]+@[^\s@]+$/.test(email)) {
    throw new DevError(
      'MR_DEV_BAD_OPTION',
      `FIRST_ADMIN_EMAIL is ${JSON.stringify(email)}, which is no e-mail address, so nobody could sign in with it; nothing was started.`,
    )
  }
  if (Array.from(password).length < 10) {
    throw new DevError(
      'MR_DEV_BAD_OPTION',
      'FIRST_ADMIN_PASSWORD has fewer than 10 characters; nothing was started.',
    )
  }
  return email
}

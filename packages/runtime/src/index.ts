export { answerOnce, type Answer, type AnswerKeys, type AnswerOnceOptions } from './answer-once.ts'
export {
  archiveOldDays,
  consumptionArchiveConfig,
  productionArchiveConfig,
  type ArchivedLogs,
  type ArchiveRun,
  type ArchiveSettings,
} from './archive.ts'
export {
  standardConfig,
  type BooleanEntry,
  type ConfigEntry,
  type ConfigTable,
  type ConfigValues,
  type DurationEntry,
  type IntegerEntry,
  type ListEntry,
  type ServiceConfig,
  type StringEntry,
  type UrlEntry,
} from './config-table.ts'
export { RuntimeError, runtimeErrors } from './errors.ts'
export {
  relayEvents,
  sendEvents,
  type EventSource,
  type SendEventsOptions,
  type ServerSentEvent,
} from './event-stream.ts'
export type { ServiceApp } from './http-app.ts'
export {
  keepableAnswer,
  keyedRequestOf,
  keyProblem,
  sendKept,
  type KeptAnswer,
  type KeyedRequest,
} from './idempotency.ts'
export { checkImportToken } from './import-token.ts'
export {
  callerHeadersOf,
  callerOf,
  callerWithRole,
  identityOf,
  userOf,
  type Caller,
  type IdentityHeaders,
} from './identity/caller.ts'
export {
  createSigningKey,
  looksLikeJwt,
  publicJwkOf,
  signingKeyOf,
  signJwt,
  verifyJwt,
  type JwtClaims,
  type JwtExpectation,
  type JwtRefusal,
  type JwtVerdict,
  type NewJwt,
  type PublicJwk,
  type SigningKey,
} from './identity/jwt.ts'
export { RemoteKeys, type RemoteKeysOptions } from './identity/remote-keys.ts'
export { identityHeader, IdentitySigner, signedIdentity } from './identity/signed-identity.ts'
export { TokenVerifier } from './identity/token-verifier.ts'
export { createLogger, type LoggerOptions } from './logger.ts'
export {
  problemCodes,
  ProblemError,
  ProblemSchema,
  type FieldError,
  type Problem,
  type ProblemOptions,
} from './problem.ts'
export { describeConfig, type Environment } from './read-config.ts'
export type { PartReadiness, ReadinessCheck, ReadinessParts, ReadinessReport } from './readiness.ts'
export { causationOf, contextOf, type RequestContext } from './request-context.ts'
export { ExitCode, runService } from './run-service.ts'
export { defineService, type ServiceContext, type ServiceDefinition } from './service.ts'
export { startService, type RunningService, type StartServiceOptions } from './start-service.ts'
export type { FastifyReply, FastifyRequest } from 'fastify'

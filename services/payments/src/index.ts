export { paymentsProblems } from './errors.ts'
export { paymentsService } from './service.ts'

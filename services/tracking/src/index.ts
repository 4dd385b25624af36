export { trackingProblems } from './errors.ts'
export { trackingService } from './service.ts'

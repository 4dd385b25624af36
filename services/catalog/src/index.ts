export { catalogProblems } from './errors.ts'
export { catalogService } from './service.ts'

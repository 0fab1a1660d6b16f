import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { pythonProgram } from '../support/python.ts'

/** checkov. The same environment also has cfn-lint. */
export const linters = pythonProgram(
  'checkov',
  path.join(import.meta.dirname, 'requirements.txt'),
  path.join(import.meta.dirname, '../../.template'),
)

export type Finding = { check: string; resource: string; what: string }

/** Runs a linter and parses its JSON. The exit code is ignored, because it only says that there are findings. */
const run = async (program: string, ...options: string[]): Promise<unknown> => {
  const ran = promisify(execFile)(path.join(linters.folder, 'bin', program), options, { maxBuffer: 2 ** 26 })
  const { stdout, stderr } = await ran.catch((failed: { stdout?: string; stderr?: string }) => failed)
  if (!stdout) throw new Error(`${program} printed nothing: ${stderr}`)
  return JSON.parse(stdout)
}

/** The findings of cfn-lint in a template, for a Region. */
export const cfnLint = async (template: string, region: string): Promise<Finding[]> => {
  type Match = { Rule: { Id: string }; Message: string; Location: { Path: string[] | null } }
  const matches = (await run('cfn-lint', '--format', 'json', '--regions', region, '--', template)) as Match[]
  return matches.map(({ Rule, Message, Location }) => ({
    check: Rule.Id,
    resource: Location.Path?.[1] ?? '',
    what: Message,
  }))
}

/** The findings of checkov in a template, and the number of checks. */
export const checkov = async (template: string) => {
  type Check = { check_id: string; check_name: string; resource: string }
  const { results } = (await run(
    'checkov',
    '--framework',
    'cloudformation',
    '--output',
    'json',
    '--compact',
    '--skip-download',
    '--file',
    template,
  )) as {
    results: { passed_checks: Check[]; failed_checks: Check[]; parsing_errors: string[] }
  }
  return {
    passed: results.passed_checks.length,
    parsingErrors: results.parsing_errors,
    findings: results.failed_checks.map(({ check_id, check_name, resource }) => ({
      check: check_id,
      resource: resource.slice(resource.lastIndexOf('.') + 1),
      what: check_name,
    })),
  }
}

import tseslint from 'typescript-eslint'
import * as yaml from 'yaml-eslint-parser'

// Only comments have a limit here: prettier breaks the lines of code.
const commentLines = { 'max-len': ['error', { code: 10_000, comments: 120, ignoreUrls: true }] }

export default tseslint.config(
  {
    ignores: [
      '.serverless/',
      '.esbuild/',
      'coverage/',
      'dist/',
      '.conformance/',
      '.e2e/',
      '.template/',
      'node_modules/',
      '**/*.js',
      '**/*.cjs',
    ],
  },
  { files: ['**/*.{ts,tsx}'], extends: [tseslint.configs.recommendedTypeChecked], rules: commentLines },
  { files: ['**/*.yml'], languageOptions: { parser: yaml }, rules: commentLines },
  {
    // What stays longer says in one line why it is one thing.
    files: ['{cli,docs,functions,infra,local}/**/*.{ts,tsx}'],
    rules: {
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', 80],
    },
  },
  {
    files: ['**/*.{ts,tsx}'],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // `_` marks what is named only to leave it out.
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      // Handlers and test doubles keep AWS's asynchronous signatures even where nothing is awaited.
      '@typescript-eslint/require-await': 'off',
      // Nothing that is deployed, and no other test, is to depend on it: docs/decisions/0009-policies-are-evaluated.md.
      'no-restricted-imports': ['error', { patterns: ['@cloud-copilot/*'] }],
    },
  },
  { files: ['test/support/iam-evaluator.ts'], rules: { 'no-restricted-imports': 'off' } },
)

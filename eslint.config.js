import tseslint from 'typescript-eslint'

export default tseslint.config(
  {
    ignores: [
      '.serverless/',
      '.esbuild/',
      'coverage/',
      '.conformance/',
      '.e2e/',
      '.template/',
      'node_modules/',
      '**/*.js',
      '**/*.cjs',
    ],
  },
  ...tseslint.configs.recommendedTypeChecked,
  {
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

// Asks the YAML language server (the one inside editors) what it makes of a mapping with our schema.
// Input on stdin: {"schema": {...}, "questions": [{"text", "line"?, "character"?, "what": "problems"|"complete"|"hover"}]}
// Output on stdout: one answer for each question.
const { getLanguageService } = require('yaml-language-server/out/server/src/languageservice/yamlLanguageService');
const { TextDocument } = require('vscode-languageserver-textdocument');
const { SettingsState } = require('yaml-language-server/out/server/src/yamlSettings');

const SCHEMA = 'file:///mapping.schema.json';

async function main() {
  let input = '';
  for await (const chunk of process.stdin) input += chunk;
  const { schema, questions } = JSON.parse(input);
  const yamlSettings = new SettingsState();
  const service = getLanguageService({
    schemaRequestService: async () => JSON.stringify(schema),
    workspaceContext: { resolveRelativePath: (path) => path },
    telemetry: { send() {}, sendError() {}, sendTrack() {} },
    yamlSettings,
  });
  service.configure({
    completion: true, hover: true, validate: true, customTags: [], format: false,
    schemas: [{ uri: SCHEMA, fileMatch: ['*.yaml'], schema }],
  });
  const answers = [];
  for (const [index, question] of questions.entries()) {
    // a name of its own for each, because the server remembers documents by name and version
    const document = TextDocument.create(`file:///mappings/question-${index}.yaml`, 'yaml', 1, question.text);
    const position = { line: question.line ?? 0, character: question.character ?? 0 };
    if (question.what === 'problems') {
      const found = await service.doValidation(document, false);
      answers.push(found.map((problem) => ({ line: problem.range.start.line, message: problem.message })));
    } else if (question.what === 'complete') {
      const found = await service.doComplete(document, position, false);
      answers.push(found.items.map((item) => item.label));
    } else {
      const found = await service.doHover(document, position);
      answers.push(found ? found.contents.value ?? found.contents : null);
    }
  }
  process.stdout.write(JSON.stringify(answers));
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });

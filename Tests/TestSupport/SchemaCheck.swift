import Foundation

/// Checks documents against the JSON Schemas that ship with the tool, by python3-jsonschema: a judge that is not ours.
public enum SchemaCheck {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources/Reporting/Schema")

    /// The file with the schema of that name: `hugeaudit.report/1`.
    public static func file(of schema: String) -> String {
        folder.appending(path: "\(schema.replacing("/", with: "-")).schema.json").path
    }

    private static let program = """
        import json, sys, jsonschema
        schema = json.load(open(sys.argv[1]))
        jsonschema.Draft202012Validator.check_schema(schema)
        for path in sys.argv[2:]:
            for error in jsonschema.Draft202012Validator(schema).iter_errors(json.load(open(path))):
                print(path, list(error.absolute_path), error.message)
        """

    /// What is wrong with each document, a line each; empty where all is right.
    /// Throws `Holder.Unavailable` where the checker is not installed.
    public static func complaints(
        about files: [String], against schema: String = "hugeaudit.report/1"
    ) throws -> String {
        guard try run("/usr/bin/python3", ["-c", "import jsonschema"]).status == 0 else {
            throw Holder.Unavailable(description: "Debian's python3-jsonschema is not installed")
        }
        let outcome = try run("/usr/bin/python3", ["-c", program, file(of: schema)] + files)
        return outcome.status == 0 ? outcome.output : outcome.output + outcome.errors
    }

    /// The same for one document that is not in a file.
    public static func complaints(about json: String, against schema: String = "hugeaudit.report/1") throws -> String {
        let file = temporaryPath("json")
        defer { try? FileManager.default.removeItem(atPath: file) }
        try json.write(toFile: file, atomically: true, encoding: .utf8)
        return try complaints(about: [file], against: schema)
    }
}

import Foundation
import PageModel
import TestSupport
import Testing

/// Which processes are meant, and in which formats they are told.
extension Live {
    private static func pids(_ words: [String]) throws -> [Int32] {
        let outcome = try run(product("hugeaudit"), ["process", "--no-classify", "--format", "json"] + words)
        try #require(outcome.errors.isEmpty, "\(outcome.errors)")
        if outcome.output.contains("\"hugeaudit.process/1\"") { return [try ProcessDocument(outcome.output).pid] }
        return try ProcessListDocument(outcome.output).processes.map(\.pid)
    }

    @Test static func selectedByName() throws {
        try skippingWhatCannotBeHad {
            let name = "ha\(getpid())"
            let holders = try ["", "x", "y z"].map {
                try Holder(["private", "--memory", "base", "--pages", "2", "--name", name + $0])
            }
            let all = holders.map { $0.pids[0].rawValue }
            let table: [([String], [Int32])] = [
                ([name], [all[0]]), ([name + "x"], [all[1]]), ([name + "y z"], [all[2]]), ([name + "*"], all),
                ([name + "?"], [all[1]]), ([name + "[x-y]*"], [all[1], all[2]]), (["\(all[0])"], [all[0]]),
                (["\(all[2])", name + "x"], [all[1], all[2]]), (["\(all[0])", "\(all[0])"], [all[0]]),
                (["\(all[1])", "\(all[0])", name + "*"], all),
            ]
            for (words, expected) in table { #expect(try pids(words) == expected.sorted(), "\(words)") }
        }
    }

    /// That cgroup and those below it, and a container by the name that engines give its cgroup.
    @Test static func selectedByCgroup() throws {
        try skippingWhatCannotBeHad {
            let id = String(repeating: "0123456789abcdef", count: 4)
            let top = "hugeaudit-\(getpid()).slice"
            let folders = [top, "\(top)/docker-\(id).scope", "\(top)/ha\(getpid()).service"]
            let changes = try folders.map { try MachineChange.cgroup($0) }
            let holders = try changes.map {
                try Holder(["private", "--memory", "base", "--pages", "2"], in: $0.told + "/cgroup.procs")
            }
            defer {
                for holder in holders { holder.stop() }
                for change in changes.reversed() { change.undo() }
            }
            let all = holders.map { $0.pids[0].rawValue }
            let table: [(String, [Int32])] = [
                ("/\(top)", all), ("/\(top)/", all), ("/\(folders[1])", [all[1]]), (top, all),
                (String(id.prefix(12)), [all[1]]), (id, [all[1]]), ("ha\(getpid()).service", [all[2]]),
            ]
            for (word, expected) in table { #expect(try pids([word]) == expected.sorted(), "\(word)") }
            #expect(try LiveProcess(holders[1].pids[0]).report.cgroup == "/\(folders[1])")
            for word in ["/\(top.dropLast())", "0123456789ab0", "/\(top)/none"] {
                #expect(try run(product("hugeaudit"), ["process", word]).status == 2, "\(word)")
            }
        }
    }

    /// Wrong use, with what there is in its place.
    @Test(arguments: [["no-such-process-x"], ["2147483646"], ["/no/such/cgroup"], ["x.service"], ["nosuch*"]])
    static func nothingIsSelected(_ words: [String]) throws {
        for more in [[], ["--all"], ["1"]] {
            let outcome = try run(product("hugeaudit"), ["process"] + words + more)
            #expect(outcome.status == 2 && outcome.output.isEmpty, "\(words + more)")
            #expect(outcome.errors.contains("No process is \(words[0])"), "\(outcome.errors)")
            #expect(outcome.errors.contains("hugeaudit process --all"), "\(outcome.errors)")
        }
    }

    @Test(arguments: [[], ["--by-node", "1"], ["--no-classify", "--flags", "1"], ["--node", "4711", "1"]])
    static func wrongUseOfProcess(_ arguments: [String]) throws {
        let outcome = try run(product("hugeaudit"), ["process"] + arguments)
        #expect(outcome.status == 2 && outcome.output.isEmpty && !outcome.errors.isEmpty)
    }

    /// All processes of the machine, the holder among them with its pages; no mappings.
    @Test static func allProcesses() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 8)
            let holder = try Holder(["private", "--pages", "5"])
            let outcome = try run(product("hugeaudit"), ["process", "--all", "--format", "json"])
            #expect([0, 1, 3].contains(outcome.status))
            #expect(try SchemaCheck.complaints(about: outcome.output, against: "hugeaudit.processes/1") == "")
            let list = try ProcessListDocument(outcome.output)
            let row = try #require(list.processes.first { $0.pid == holder.pids[0].rawValue })
            #expect(row.placements.hugetlbBytes == 5 << 21 && row.hugetlbBytes == 5 << 21)
            #expect(row.mappings == nil && row.course == "complete")
            #expect(list.processes.allSatisfy { $0.mappings == nil })
            // Who was there before and after is listed, and each with what its status says.
            for process in list.processes where process.course == "complete" && process.taken.view == "full" {
                #expect(process.placements.hugetlbBytes == process.hugetlbBytes, "\(process.pid) \(process.name)")
            }
            #expect(list.processes.contains { $0.pid == getpid() })
            let text = try run(product("hugeaudit"), ["process", "--all"]).output
            let line = text.split(separator: "\n").first { $0.contains(" \(row.pid) ") || $0.hasPrefix("\(row.pid) ") }
            #expect(line?.contains("10 MiB") == true, "\(line ?? "")")
            #expect(pool.count("free_hugepages") == 3)
        }
    }

    /// Python's reader of CSV finds the sums of the JSON, with a name that is hard to quote.
    @Test static func csvHasTheSumsOfJSON() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 8)
            let holder = try Holder(["private", "--pages", "3", "--name", "a,\"b\\nc"])
            let program = """
                import csv, sys, collections
                sums = collections.Counter()
                for row in csv.DictReader(sys.stdin, strict=True):
                    assert None not in row and None not in row.values(), row
                    if row['pid'] == sys.argv[1]:
                        sums[row['name'], row['node'], row['kind'], row['pageSize']] += int(row['bytes'])
                for (name, *rest), total in sorted(sums.items()): print(*rest, total, repr(name))
                """
            let pid = holder.pids[0]
            for arguments in [["\(pid)"], ["\(pid)", "\(pid)", "--no-classify"], ["--all"]] {
                let command = "'\(product("hugeaudit"))' process \(arguments.joined(separator: " ")) --format"
                let sums = try run(
                    "/bin/bash", ["-c", "\(command) csv | /usr/bin/python3 -c \"$0\" \(pid)", program])
                #expect(sums.status == 0 && sums.errors.isEmpty, "\(sums.errors)")
                let json = try shell("\(command) json").output
                let report =
                    arguments.count == 1 && arguments[0] == "\(pid)"
                    ? try ProcessDocument(json)
                    : try #require(try ProcessListDocument(json).processes.first { $0.pid == pid.rawValue })
                let rows = report.placements.map { place in
                    "\(place.node ?? -1) \(place.kind ?? "") \(place.pageSize) \(place.bytes)"
                }
                let told = sums.output.split(separator: "\n").map { line in
                    String(line.prefix { $0 != "'" }).trimmingCharacters(in: .whitespaces)
                }
                #expect(Set(told) == Set(rows) && told.count == rows.count, "\(arguments)")
                #expect(sums.output.contains("'a,\"b\\nc'"), "\(sums.output)")
            }
            #expect(pool.count("free_hugepages") == 5)
        }
    }

    /// Real documents of each kind are as the schemas say that ship with the tool.
    @Test static func processesFitTheSchema() throws {
        try skippingWhatCannotBeHad {
            let mixture = try Mixture(["hugetlb-private", "thp", "thp-part", "base", "zero", "file", "shm"])
            let pid = "\(mixture.pid)"
            for arguments in [
                [], ["--flags"], ["--no-classify"], ["--inspect-content"], ["--gentle"], ["--node", "0"],
            ] {
                let json = try run(product("hugeaudit"), ["process", pid, "--format", "json"] + arguments).output
                #expect(try SchemaCheck.complaints(about: json, against: "hugeaudit.process/1") == "", "\(arguments)")
            }
            for arguments in [[pid, pid], ["--all"], [pid, "--all", "--by-node"]] {
                let json = try run(product("hugeaudit"), ["process", "--format", "json"] + arguments).output
                #expect(try SchemaCheck.complaints(about: json, against: "hugeaudit.processes/1") == "", "\(arguments)")
            }
        }
    }
}

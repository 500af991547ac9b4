"""Every change of a memory is noted for the index, whoever makes it and however: by the statement, as it commits.

Nothing is noted while there is no index. Who begins one waits for every writer that may not have known of it.
"""

NOTE_SQL = """
CREATE FUNCTION chimera_note_unindexed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM memory_generation) THEN
        INSERT INTO memory_unindexed (tenant_id, memory_id) SELECT tenant_id, id FROM changed;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER memory_added_unindexed AFTER INSERT ON memory_memoryrecord
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION chimera_note_unindexed();
CREATE TRIGGER memory_changed_unindexed AFTER UPDATE ON memory_memoryrecord
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION chimera_note_unindexed();
CREATE TRIGGER memory_deleted_unindexed AFTER DELETE ON memory_memoryrecord
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION chimera_note_unindexed();
"""
NOTE_REVERSE_SQL = """
DROP TRIGGER memory_deleted_unindexed ON memory_memoryrecord;
DROP TRIGGER memory_changed_unindexed ON memory_memoryrecord;
DROP TRIGGER memory_added_unindexed ON memory_memoryrecord;
DROP FUNCTION chimera_note_unindexed();
"""

//! Rows and what their columns are called.

use super::super::fields::{BodyError, Fields, message, put_count, put_string, put_u16, put_u32, put_value};
use super::Kind;

/// The size of a type whose values are of any.
const SIZE_ANY: u16 = u16::MAX;

/// The type of a column that is written here; its values are sent as text all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// `text`
    Text,
    /// `int4`
    Int4,
    /// `int8`
    Int8,
    /// `numeric`
    Numeric,
}

impl Type {
    /// Its object id and size.
    fn codes(self) -> (u32, u16) {
        match self {
            Self::Text => (25, SIZE_ANY),
            Self::Int4 => (23, 4),
            Self::Int8 => (20, 8),
            Self::Numeric => (1700, SIZE_ANY),
        }
    }
}

/// What a column is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column<'b> {
    /// Its name.
    pub name: &'b [u8],
    /// The table it comes from, 0 for none.
    pub table: u32,
    /// The object id of its type.
    pub oid: u32,
    /// 0 for text, 1 for binary; 0 too where that is not known yet.
    pub format: u16,
}

/// The columns of the rows to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RowDescription<'b> {
    count: u16,
    columns: &'b [u8],
}

impl<'b> RowDescription<'b> {
    /// The whole body.
    pub fn parse(body: &'b [u8]) -> Result<Self, BodyError> {
        let mut fields = Fields::new(body);
        let count = fields.u16("number of columns")?;
        let columns = fields.rest();
        for _ in 0..count {
            column(&mut fields)?;
        }
        fields.end()?;
        Ok(Self { count, columns })
    }

    /// The columns in order.
    pub fn columns(&self) -> impl Iterator<Item = Column<'b>> + use<'b> {
        let mut fields = Fields::new(self.columns);
        (0..self.count).map_while(move |_| column(&mut fields).ok())
    }
}

fn column<'b>(fields: &mut Fields<'b>) -> Result<Column<'b>, BodyError> {
    let name = fields.string("column name")?.bytes;
    let table = fields.u32("table")?;
    fields.u16("number of the column")?;
    let oid = fields.u32("type")?;
    fields.u16("size of the type")?;
    fields.u32("modifier of the type")?;
    let format = fields.u16("format")?;
    Ok(Column { name, table, oid, format })
}

/// A row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DataRow<'b> {
    count: u16,
    values: &'b [u8],
}

impl<'b> DataRow<'b> {
    /// The whole body.
    pub fn parse(body: &'b [u8]) -> Result<Self, BodyError> {
        let mut fields = Fields::new(body);
        let count = fields.u16("number of columns")?;
        let values = fields.rest();
        for _ in 0..count {
            fields.value("column value")?;
        }
        fields.end()?;
        Ok(Self { count, values })
    }

    /// The values in order, `None` for NULL.
    pub fn values(&self) -> impl Iterator<Item = Option<&'b [u8]>> + use<'b> {
        let mut fields = Fields::new(self.values);
        (0..self.count).map_while(move |_| fields.value("column value").ok())
    }
}

/// Appends a RowDescription of columns that belong to no table.
pub fn write_row_description(out: &mut Vec<u8>, columns: &[(&str, Type)]) {
    message(out, Kind::RowDescription.tag(), |out| {
        put_count(out, columns.len());
        for (name, of) in columns {
            let (oid, size) = of.codes();
            put_string(out, name.as_bytes());
            put_u32(out, 0);
            put_u16(out, 0);
            put_u32(out, oid);
            put_u16(out, size);
            put_u32(out, u32::MAX);
            put_u16(out, 0);
        }
    });
}

/// Appends a DataRow of text values.
pub fn write_data_row(out: &mut Vec<u8>, values: &[Option<&[u8]>]) {
    message(out, Kind::DataRow.tag(), |out| {
        put_count(out, values.len());
        values.iter().for_each(|value| put_value(out, *value));
    });
}

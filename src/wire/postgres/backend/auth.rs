//! What a login wants next.

use super::super::fields::{BodyError, Fields};

/// The body of an Authentication message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Authentication<'b> {
    /// Nothing more: the client is in.
    Ok,
    /// The password as it is.
    Cleartext,
    /// The password hashed with this salt.
    Md5 {
        /// The salt.
        salt: [u8; 4],
    },
    /// A choice of mechanisms.
    Sasl(Mechanisms<'b>),
    /// The server's message in the middle of SASL.
    SaslContinue(&'b [u8]),
    /// The server's last message of SASL.
    SaslFinal(&'b [u8]),
    /// A method that is not spoken here (Kerberos, GSSAPI, SSPI and what may come), by its number.
    Other(u32),
}

impl<'b> Authentication<'b> {
    /// The whole body.
    pub fn parse(body: &'b [u8]) -> Result<Self, BodyError> {
        let mut fields = Fields::new(body);
        let method = fields.u32("method")?;
        let asked = match method {
            0 => Self::Ok,
            3 => Self::Cleartext,
            5 => {
                let salt = fields.bytes(4, "salt")?;
                Self::Md5 { salt: salt.try_into().map_err(|_| BodyError::Ends("salt"))? }
            }
            10 => return Mechanisms::parse(fields.rest()).map(Self::Sasl),
            11 => return Ok(Self::SaslContinue(fields.rest())),
            12 => return Ok(Self::SaslFinal(fields.rest())),
            other => return Ok(Self::Other(other)),
        };
        fields.end()?;
        Ok(asked)
    }
}

/// The names of SASL mechanisms, in the server's order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mechanisms<'b>(&'b [u8]);

impl<'b> Mechanisms<'b> {
    fn parse(list: &'b [u8]) -> Result<Self, BodyError> {
        let mut fields = Fields::new(list);
        while !fields.string("mechanism")?.bytes.is_empty() {}
        fields.end()?;
        Ok(Self(list))
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        let mut fields = Fields::new(self.0);
        std::iter::from_fn(move || fields.string("mechanism").ok())
            .map(|name| name.bytes)
            .take_while(|name| !name.is_empty())
    }

    /// Whether it is offered.
    pub fn offers(&self, mechanism: &str) -> bool {
        self.iter().any(|name| name == mechanism.as_bytes())
    }
}
